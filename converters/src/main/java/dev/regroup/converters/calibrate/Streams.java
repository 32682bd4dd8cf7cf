package dev.regroup.converters.calibrate;

import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Embedding;
import dev.regroup.runtime.model.Residual;
import java.util.List;

/// The residual streams of source and target over the calibration windows, advanced layer by layer: the
/// target's carries the errors of the layers already converted.
///
/// Before the first layer the two are the same.
public final class Streams {
  private final int tokens;
  private final float[][] source;
  private final float[][] target;

  /// Both streams at the embedding.
  ///
  /// @param windows of equal length
  public Streams(Embedding embedding, List<int[]> windows) {
    tokens = windows.getFirst().length;
    source = new float[windows.size()][];
    target = new float[windows.size()][];
    for (int i = 0; i < source.length; i++) {
      source[i] = embedding.embed(windows.get(i));
      target[i] = source[i];
    }
  }

  /// Tokens of a window.
  public int tokens() {
    return tokens;
  }

  /// The number of windows.
  public int windows() {
    return source.length;
  }

  /// The source's residual stream of one window before the current layer, `[tokens, D]`.
  public float[] source(int window) {
    return source[window];
  }

  /// The target's residual stream of one window before the current layer, `[tokens, D]`.
  public float[] target(int window) {
    return target[window];
  }

  /// Runs one layer on both streams.
  ///
  /// @param converted the attention sublayer that replaces the layer's own in the target
  public void advance(DecoderLayer layer, AttentionSublayer converted) {
    Parallel.forEach(
        source.length,
        i -> {
          source[i] = run(layer, layer.attention(), source[i]);
          target[i] = run(layer, converted, target[i]);
        });
  }

  private float[] run(DecoderLayer layer, AttentionSublayer attention, float[] hidden) {
    float[] update = attention.forward(layer.attentionInput(hidden, tokens), tokens);
    float[] between = Residual.sum(hidden, update);
    return Residual.sum(between, layer.feedForward(between, tokens));
  }
}
