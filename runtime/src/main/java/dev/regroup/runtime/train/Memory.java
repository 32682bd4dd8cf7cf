package dev.regroup.runtime.train;

/// Float32 elements that a {@link TrainingMath} computes with; closed by whoever allocated them.
public interface Memory extends AutoCloseable {
  /// Elements.
  long length();

  /// Copies all of `from` in, beginning at element `at`, after all work given so far.
  void upload(float[] from, long at);

  /// Copies `into.length` elements out, beginning at element `at`, after all work given so far.
  void download(float[] into, long at);

  @Override
  void close();
}
