package dev.regroup.runtime.train;

/// How exactly products read their factors; sums are float32 in any case.
public enum Accuracy {
  /// As they are.
  FLOAT32,
  /// Rounded to BF16, where a device is faster for it.
  BFLOAT16
}
