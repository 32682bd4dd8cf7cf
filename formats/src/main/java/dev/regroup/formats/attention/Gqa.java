package dev.regroup.formats.attention;

/// Grouped-query attention; multi-head (`kvHeads == queryHeads`) and multi-query (`kvHeads == 1`)
/// are its ends. A state is a key, rotated when stored, and a value.
///
/// @param queryHeads H, `num_attention_heads`
/// @param kvHeads G, `num_key_value_heads`; divides `queryHeads`
/// @param headDim d, `head_dim`; even, all of it rotated
public record Gqa(int queryHeads, int kvHeads, int headDim) implements AttentionLayout {
  public Gqa {
    Heads.requireDivides("kvHeads", kvHeads, "queryHeads", queryHeads);
    Heads.requirePositive("headDim", headDim);
    Heads.requireRope(headDim, "headDim", headDim);
  }

  @Override
  public int stateHeads() {
    return kvHeads;
  }

  @Override
  public int nopeDim() {
    return 0;
  }

  @Override
  public int ropeDim() {
    return headDim;
  }

  @Override
  public int valueDim() {
    return headDim;
  }

  @Override
  public CacheRow cacheRow() {
    return new CacheRow(
        kvHeads, 2 * headDim, new Slice(0, headDim), new Slice(headDim, headDim), 0, 0);
  }

  @Override
  public String label() {
    return kvHeads == queryHeads ? "mha" : kvHeads == 1 ? "mqa" : "gqa";
  }
}
