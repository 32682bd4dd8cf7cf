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
  private final float[][] updates;

  /// Both streams at the embedding.
  ///
  /// @param windows of equal length
  public Streams(Embedding embedding, List<int[]> windows) {
    tokens = windows.getFirst().length;
    source = new float[windows.size()][];
    target = new float[windows.size()][];
    updates = new float[windows.size()][];
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

  /// What the source's attention of the current layer adds to one window's stream, `[tokens, D]`; known
  /// once {@link #attend} has run.
  public float[] sourceUpdate(int window) {
    return updates[window];
  }

  /// Runs the source's attention of the current layer on its own stream.
  public void attend(DecoderLayer layer) {
    Parallel.forEach(source.length, i -> updates[i] = update(layer, layer.attention(), source[i]));
  }

  /// Moves both streams past the current layer.
  ///
  /// @param converted the attention sublayer that replaces the layer's own in the target
  public void advance(DecoderLayer layer, AttentionSublayer converted) {
    Parallel.forEach(
        source.length,
        i -> {
          float[] update = update(layer, converted, target[i]);
          target[i] = fedForward(layer, Residual.sum(target[i], update));
          source[i] = fedForward(layer, Residual.sum(source[i], updates[i]));
        });
  }

  private float[] update(DecoderLayer layer, AttentionSublayer attention, float[] hidden) {
    return attention.forward(layer.attentionInput(hidden, tokens), tokens);
  }

  private float[] fedForward(DecoderLayer layer, float[] hidden) {
    return Residual.sum(hidden, layer.feedForward(hidden, tokens));
  }
}
