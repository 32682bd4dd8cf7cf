package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import java.util.Map;

/// Makes attention sublayers from weights in memory.
public final class AttentionSublayers {
  private AttentionSublayers() {}

  /// A sublayer over weights in memory.
  ///
  /// @param spec what the sublayer is
  /// @param hiddenSize D
  /// @param normEpsilon of every RMS norm inside
  /// @param weights every tensor of {@link AttentionSpec#tensors}
  /// @throws IllegalArgumentException where one is missing or of another size
  public static AttentionSublayer of(
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      Map<AttentionTensor, float[]> weights) {
    throw new UnsupportedOperationException("not yet: " + spec + hiddenSize + normEpsilon + weights);
  }
}
