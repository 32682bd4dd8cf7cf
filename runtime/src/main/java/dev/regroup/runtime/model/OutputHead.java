package dev.regroup.runtime.model;

/// The final norm and the output head, with their weights.
public interface OutputHead extends AutoCloseable {
  /// Logits `[count, vocabulary]` of tokens `[first, first + count)` of a residual stream `[tokens,
  /// D]`.
  float[] logits(float[] hidden, int first, int count);

  /// Frees what it holds on a device; nothing on the CPU.
  @Override
  default void close() {}
}
