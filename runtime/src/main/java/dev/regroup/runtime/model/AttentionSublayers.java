package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import java.util.Map;

/// Makes attention sublayers from weights in memory.
public final class AttentionSublayers {
  /// Added to the mean square in the norms over a latent (`q_a_layernorm`, `kv_a_layernorm`): what
  /// DeepSeek's own code and transformers use there, whatever the config's `rms_norm_eps`.
  public static final double LATENT_NORM_EPSILON = 1e-6;

  private AttentionSublayers() {}

  /// A sublayer over weights in memory.
  ///
  /// @param spec what the sublayer is
  /// @param hiddenSize D
  /// @param normEpsilon of the norms over heads (`q_norm`, `k_norm`); those over latents use {@link
  ///   #LATENT_NORM_EPSILON}
  /// @param weights every tensor of {@link AttentionSpec#tensors}
  /// @throws IllegalArgumentException where one is missing or of another size
  public static AttentionSublayer of(
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      Map<AttentionTensor, float[]> weights) {
    return of(spec, hiddenSize, normEpsilon, weights, Operations.fast());
  }

  /// The same, computed by some operations.
  public static AttentionSublayer of(
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      Map<AttentionTensor, float[]> weights,
      Operations operations) {
    return new SelfAttention(
        spec, new AttentionWeights(spec, hiddenSize, normEpsilon, weights), operations);
  }
}
