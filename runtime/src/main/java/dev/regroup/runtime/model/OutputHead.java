package dev.regroup.runtime.model;

import java.util.Arrays;
import java.util.Objects;

/// The final norm and the output head.
///
/// @param norm `[D]`
/// @param weights `[vocabulary, D]`
/// @param operations what it is computed by
public record OutputHead(
    int hiddenSize, double normEpsilon, float[] norm, float[] weights, Operations operations) {
  /// A head computed by the fastest operations.
  public OutputHead(int hiddenSize, double normEpsilon, float[] norm, float[] weights) {
    this(hiddenSize, normEpsilon, norm, weights, Operations.fast());
  }

  /// Logits `[count, vocabulary]` of tokens `[first, first + count)` of a residual stream `[tokens,
  /// D]`.
  public float[] logits(float[] hidden, int first, int count) {
    Objects.checkFromIndexSize(first, count, hidden.length / hiddenSize);
    float[] rows = Arrays.copyOfRange(hidden, first * hiddenSize, (first + count) * hiddenSize);
    return operations.linear(
        new Linear(hiddenSize, weights.length / hiddenSize, weights, null),
        operations.rmsNorm(rows, norm, normEpsilon),
        count);
  }
}
