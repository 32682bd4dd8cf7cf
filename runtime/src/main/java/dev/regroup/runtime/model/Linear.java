package dev.regroup.runtime.model;

import org.jspecify.annotations.Nullable;

/// A linear layer: `y = W x + b`.
///
/// @param weight `[out, in]`
/// @param bias `[out]`, or none
public record Linear(int in, int out, float[] weight, float @Nullable [] bias) {
  public Linear {
    if (weight.length != (long) in * out || (bias != null && bias.length != out)) {
      throw new IllegalArgumentException(
          "a linear layer [%d, %d] has other weights: %d elements, bias %s"
              .formatted(out, in, weight.length, bias == null ? "none" : bias.length));
    }
  }

  /// A layer without a bias.
  public Linear(int in, int out, float[] weight) {
    this(in, out, weight, null);
  }
}
