package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionSpec;

/// An attention sublayer with its weights, in the textbook (not absorbed) form.
public interface AttentionSublayer extends AutoCloseable {
  /// What the sublayer is.
  AttentionSpec spec();

  /// Queries and cache rows of a sequence, not rotated: after biases, head norms and latent norms.
  ///
  /// @param x `[tokens, D]`, the normed input
  Projected project(float[] x, int tokens);

  /// The same, with the rotated part of queries and keys turned to positions `first, first + 1,
  /// ...`.
  Projected rotate(Projected projected, int first);

  /// Attention probabilities `[tokens, tokens]` of one head over a sequence from position 0; zero
  /// above the diagonal and outside the window.
  ///
  /// @param rotated of a whole sequence, from position 0
  float[] probabilities(Projected rotated, int head);

  /// The output `[tokens, H · d_v]` of every head before `o_proj`.
  ///
  /// @param rotated of a whole sequence, from position 0
  float[] heads(Projected rotated);

  /// `o_proj` of the heads' outputs: `[tokens, D]`.
  float[] output(float[] heads, int tokens);

  /// Queries `[tokens, H, row.queryDim()]` that meet cache rows directly: where rows hold latents,
  /// `W_UK` is multiplied into the part that is not rotated. May return the array given.
  float[] absorb(Projected rotated);

  /// The heads' outputs `[tokens, H · d_v]` from what their absorbed queries brought back,
  /// `[tokens, H, row.value().width()]`: where rows hold latents, `W_UV` of it. May return the
  /// array given.
  float[] expand(float[] attended, int tokens);

  /// Causal self-attention on one sequence from position 0: `[tokens, D]` in and out.
  default float[] forward(float[] x, int tokens) {
    return output(heads(rotate(project(x, tokens), 0)), tokens);
  }

  /// Frees what it holds on a device; nothing on the CPU. The attention of a {@link DecoderLayer} is
  /// closed with it.
  @Override
  default void close() {}
}
