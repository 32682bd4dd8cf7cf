package dev.regroup.runtime.model;

import java.util.Arrays;
import java.util.Objects;

/// {@link OutputHead} on the CPU.
///
/// @param norm `[D]`
/// @param weights `[vocabulary, D]`
/// @param operations what it is computed by
record HostHead(
    int hiddenSize, double normEpsilon, float[] norm, float[] weights, Operations operations)
    implements OutputHead {
  @Override
  public float[] logits(float[] hidden, int first, int count) {
    Objects.checkFromIndexSize(first, count, hidden.length / hiddenSize);
    float[] rows = Arrays.copyOfRange(hidden, first * hiddenSize, (first + count) * hiddenSize);
    return operations.linear(
        new Linear(hiddenSize, weights.length / hiddenSize, weights, null),
        operations.rmsNorm(rows, norm, normEpsilon),
        count);
  }
}
