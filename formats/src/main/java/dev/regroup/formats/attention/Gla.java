package dev.regroup.formats.attention;

/// Grouped Latent Attention; multi-head latent attention (MLA) is its case of one latent head.
///
/// With latent `c` of the head's group (d_c elements) and the rotary key `k` (d_r elements, one for
/// all heads):
///
///     key   = W_UK c ++ RoPE(k)
///     value = W_UV c
///
/// Decoding absorbs `W_UK` into the query and `W_UV` into the output, so that key and value are both
/// the cached latent.
///
/// Source: arXiv:2505.21487, arXiv:2405.04434.
///
/// @param queryHeads H, `num_attention_heads`
/// @param latentHeads n; divides `queryHeads`
/// @param latentDim d_c, per latent head
/// @param nopeDim d_n, `qk_nope_head_dim`
/// @param ropeDim d_r, `qk_rope_head_dim`; even
/// @param valueDim d_v, `v_head_dim`
public record Gla(
    int queryHeads, int latentHeads, int latentDim, int nopeDim, int ropeDim, int valueDim)
    implements AttentionLayout {
  public Gla {
    Heads.requireDivides("latentHeads", latentHeads, "queryHeads", queryHeads);
    Heads.requirePositive("latentDim", latentDim);
    Heads.requirePositive("nopeDim", nopeDim);
    Heads.requirePositive("valueDim", valueDim);
    Heads.requireRope(ropeDim, "ropeDim", Math.max(0, ropeDim));
  }

  @Override
  public int stateHeads() {
    return latentHeads;
  }

  @Override
  public CacheRow cacheRow() {
    var latent = new Slice(0, latentDim);
    return new CacheRow(latentHeads, latentDim, latent, latent, 1, ropeDim);
  }

  @Override
  public String label() {
    return latentHeads == 1 ? "mla" : "gla";
  }
}
