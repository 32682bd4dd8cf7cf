package dev.regroup.converters.calibrate;

import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Embedding;
import dev.regroup.runtime.model.Residual;
import java.util.List;
import java.util.stream.IntStream;

/// The residual streams of source and target over the calibration windows, advanced layer by layer: the
/// target's carries the errors of the layers already converted.
///
/// Before the first layer the two are the same. Streams beyond a budget of memory lie in a scratch file.
public final class Streams implements AutoCloseable {
  private static final int SOURCE = 0;
  private static final int UPDATE = 1;
  private static final int TARGET = 2;

  private final int tokens;
  private final int windows;
  private final boolean apart;
  private final ActivationCache cache;

  /// Both streams at the embedding, each its own, on the heap.
  ///
  /// @param windows of equal length
  public Streams(Embedding embedding, List<int[]> windows) {
    this(embedding, windows, true, Long.MAX_VALUE, Scratch.temporary());
  }

  /// Both streams at the embedding.
  ///
  /// @param windows of equal length
  /// @param apart whether the target has a stream of its own; without, it is fed the source's
  /// @param memory bytes that streams may take on the heap
  /// @param scratch where the rest lies; closed by the caller, after this
  public Streams(
      Embedding embedding, List<int[]> windows, boolean apart, long memory, Scratch scratch) {
    this.windows = windows.size();
    this.apart = apart;
    tokens = windows.getFirst().length;
    int length = embedding.embed(windows.getFirst()).length;
    cache = new ActivationCache(windows.size(), apart ? 3 : 2, length, memory, scratch);
    for (int i = 0; i < windows.size(); i++) {
      float[] embedded = embedding.embed(windows.get(i));
      cache.set(SOURCE, i, embedded);
      if (apart) {
        cache.set(TARGET, i, embedded);
      }
    }
  }

  /// Tokens of a window.
  public int tokens() {
    return tokens;
  }

  /// The number of windows.
  public int windows() {
    return windows;
  }

  /// Some windows spread evenly over all, at most `most` and at least one.
  public int[] spread(long most) {
    int count = (int) Math.max(1, Math.min(most, windows));
    return IntStream.range(0, count).map(i -> (int) ((long) i * windows / count)).toArray();
  }

  /// The source's residual stream of one window before the current layer, `[tokens, D]`.
  public float[] source(int window) {
    return cache.get(SOURCE, window);
  }

  /// The target's residual stream of one window before the current layer, `[tokens, D]`.
  public float[] target(int window) {
    return cache.get(apart ? TARGET : SOURCE, window);
  }

  /// What the source's attention of the current layer adds to one window's stream, `[tokens, D]`; known
  /// once {@link #attend} has run.
  public float[] sourceUpdate(int window) {
    return cache.get(UPDATE, window);
  }

  /// Runs the source's attention of the current layer on its own stream.
  public void attend(DecoderLayer layer) {
    Parallel.forEach(
        windows, i -> cache.set(UPDATE, i, update(layer, layer.attention(), source(i))));
  }

  /// Moves both streams past the current layer.
  ///
  /// @param converted the attention sublayer that replaces the layer's own in the target
  public void advance(DecoderLayer layer, AttentionSublayer converted) {
    Parallel.forEach(
        windows,
        i -> {
          if (apart) {
            float[] before = target(i);
            float[] update = update(layer, converted, before);
            cache.set(TARGET, i, fedForward(layer, Residual.sum(before, update)));
          }
          cache.set(SOURCE, i, fedForward(layer, Residual.sum(source(i), sourceUpdate(i))));
        });
  }

  /// Moves the source's stream past the current layer, where the target has none of its own.
  public void advanceTogether(DecoderLayer layer) {
    if (apart) {
      throw new IllegalStateException("the target's stream needs the converted layer");
    }
    Parallel.forEach(
        windows,
        i -> cache.set(SOURCE, i, fedForward(layer, Residual.sum(source(i), sourceUpdate(i)))));
  }

  private float[] update(DecoderLayer layer, AttentionSublayer attention, float[] hidden) {
    return attention.forward(layer.attentionInput(hidden, tokens), tokens);
  }

  private float[] fedForward(DecoderLayer layer, float[] hidden) {
    return Residual.sum(hidden, layer.feedForward(hidden, tokens));
  }

  /// Bytes of the streams that lie in a scratch file.
  public long spilledBytes() {
    return cache.spilledBytes();
  }

  @Override
  public void close() {
    cache.close();
  }
}
