package dev.regroup.formats.attention;

/// Grouped-Tied Attention: one cached state per kv head is its value and, in part, its key.
///
/// With the state `s` of a token (d elements) and its rotary key `k` (d_r elements, one for all
/// heads):
///
///     key   = s[0 .. d - d_r) ++ RoPE(k)
///     value = s
///
/// The state itself is never rotated.
///
/// Source: arXiv:2505.21487; split order as in Dao-AILab/grouped-latent-attention at 17889db,
/// `modeling_llama_GTA.py` lines 349-357, 484 and 513-519.
///
/// @param queryHeads H, `num_attention_heads`
/// @param kvHeads G, `num_key_value_heads`; divides `queryHeads`
/// @param headDim d, `head_dim`
/// @param ropeDim d_r, `rope_dim`; even, at most `headDim`
public record Gta(int queryHeads, int kvHeads, int headDim, int ropeDim)
    implements AttentionLayout {
  public Gta {
    Heads.requireDivides("kvHeads", kvHeads, "queryHeads", queryHeads);
    Heads.requirePositive("headDim", headDim);
    Heads.requireRope(ropeDim, "headDim", headDim);
  }

  @Override
  public int stateHeads() {
    return kvHeads;
  }

  @Override
  public int nopeDim() {
    return headDim - ropeDim;
  }

  @Override
  public int valueDim() {
    return headDim;
  }

  @Override
  public CacheRow cacheRow() {
    return new CacheRow(
        kvHeads, headDim, new Slice(0, nopeDim()), new Slice(0, headDim), 1, ropeDim);
  }

  @Override
  public String label() {
    return "gta";
  }
}
