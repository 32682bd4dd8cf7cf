package dev.regroup.runtime.decode;

/// Attention of one new token over a cache of rows, for every layout.
///
/// For query head h and its state g = h / (H / stateHeads), over the tokens t in the window:
///
///     score_t = scale · (q[h][0, k) · state_t[g][key] + q[h][k, k + r) · rope_t)
///     out[h]  = sum over t of softmax(score)_t · state_t[g][value]
///
/// where k is the width of the key slice and r that of the rotary key. {@link ScalarDecodeKernel} is
/// the definition; one contract holds all kernels to it.
public interface DecodeKernel {
  /// Attends over every row of `cache`, the new token's own included.
  ///
  /// @param query `[H, row.queryDim()]`, absorbed, its rotary part rotated
  /// @param scale the factor on `q·k` before the softmax
  /// @param window how many tokens, the last included, are seen; 0 for all
  /// @return `[H, row.value().width()]`
  float[] attend(float[] query, PagedCache cache, double scale, int window);

  /// The fastest there is.
  static DecodeKernel fast() {
    return new VectorDecodeKernel();
  }

  /// The first token that is seen.
  static int firstSeen(PagedCache cache, int window) {
    return window == 0 ? 0 : Math.max(0, cache.tokens() - window);
  }

  /// H, from the width of a query.
  ///
  /// @throws IllegalArgumentException where the cache is empty, or states do not divide the heads
  static int heads(float[] query, PagedCache cache) {
    int dim = cache.row().queryDim();
    int heads = query.length / dim;
    if (heads * dim != query.length || heads % cache.row().stateHeads() != 0) {
      throw new IllegalArgumentException(
          "a query for %d states of %d elements has %d elements"
              .formatted(cache.row().stateHeads(), dim, query.length));
    }
    if (cache.tokens() == 0) {
      throw new IllegalArgumentException("the cache is empty: append the new token's row first");
    }
    return heads;
  }
}
