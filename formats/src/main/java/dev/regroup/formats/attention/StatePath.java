package dev.regroup.formats.attention;

/// The projections that lead from a hidden state to what is cached of it.
public sealed interface StatePath
    permits StatePath.KeyValue,
        StatePath.Tied,
        StatePath.Latent,
        StatePath.Encoded,
        StatePath.Reference {
  /// GQA: `k_proj`, `v_proj`, and where `keyNorm` is set an RMS norm over each key head (`k_norm`).
  record KeyValue(boolean bias, boolean keyNorm) implements StatePath {}

  /// GTA: `kv_proj` gives the states, `W_rope_k` (always with a bias, as the reference has it) the
  /// rotary key.
  ///
  /// @param bias whether `kv_proj` has a bias
  record Tied(boolean bias) implements StatePath {}

  /// MLA, GLA, and GTA made from MLA: `kv_a_proj_with_mqa` gives `rank` elements and the rotary key.
  ///
  /// @param rank elements before the rotary key: r of the source MLA, or n·d_c where there is no
  ///     `kv_latent_proj`
  /// @param norm whether an RMS norm over the `rank` elements follows (`kv_a_layernorm`)
  /// @param projected whether `kv_latent_proj [states, rank]` then makes the states
  /// @param bias whether `kv_a_proj_with_mqa` has one
  record Latent(int rank, boolean norm, boolean projected, boolean bias) implements StatePath {}

  /// Sources with key norms, kept exact: `k_proj`, `k_norm` and `v_proj` of the source, then
  /// `kv_state_proj [states, 2·sourceKvHeads·sourceHeadDim]` and
  /// `rope_key_proj [d_r, sourceKvHeads·sourceHeadDim]` on the normed keys and the values.
  ///
  /// @param bias whether `k_proj` and `v_proj` have one
  record Encoded(int sourceKvHeads, int sourceHeadDim, boolean bias) implements StatePath {}

  /// The published GLA code, two latent heads: `W_dKV` gives both latents and the rotary key, each
  /// latent has an RMS norm of its own (`kv_norm_1`, `kv_norm_2`), and `W_ukv_1` and `W_ukv_2` lead to
  /// keys and values of the first and the second half of the heads; every projection has a bias.
  record Reference() implements StatePath {}
}
