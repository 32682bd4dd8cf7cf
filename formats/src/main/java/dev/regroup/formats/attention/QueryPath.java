package dev.regroup.formats.attention;

/// The projections that lead from a hidden state to the queries of all heads.
public sealed interface QueryPath
    permits QueryPath.Direct, QueryPath.LowRank, QueryPath.Mixed, QueryPath.Reference {
  /// `q_proj`, then, where `headNorm` is set, an RMS norm over each head (`q_norm`, Qwen3).
  record Direct(boolean bias, boolean headNorm) implements QueryPath {}

  /// Sources with query norms, kept exact: `q_proj` and `q_norm` of the source, then
  /// `q_state_proj [H·(d_n+d_r), sourceHeadDim]`, which maps each head's normed query by itself.
  ///
  /// @param sourceHeadDim elements of a source head
  /// @param bias whether `q_proj` has one
  record Mixed(int sourceHeadDim, boolean bias) implements QueryPath {}

  /// `q_a_proj`, RMS norm over the rank, `q_b_proj` (DeepSeek).
  ///
  /// @param rank `q_lora_rank`
  /// @param bias whether `q_a_proj` has one (`attention_bias`)
  record LowRank(int rank, boolean bias) implements QueryPath {}

  /// The published GLA code: `W_dQ`, an RMS norm over the rank (`q_norm`), `W_uQ_rope`, both
  /// projections with a bias.
  ///
  /// Source: Dao-AILab/grouped-latent-attention at 17889db, `modeling_llama_GLA.py`.
  ///
  /// @param rank 8·head_dim there
  record Reference(int rank) implements QueryPath {}
}
