package dev.regroup.runtime.decode;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.Projected;
import java.util.Arrays;

/// One attention sublayer with its cache, in absorbed form: what a decoder does in a layer.
///
/// A whole model can be decoded layer by layer with given tokens (teacher forcing), holding one
/// layer's weights and cache at a time: that computes the same as decoding token by token.
public final class LayerDecoder {
  private final AttentionSublayer attention;
  private final DecodeKernel kernel;
  private final PagedCache cache;

  /// A sublayer with an empty cache, decoded by the fastest kernel.
  public LayerDecoder(AttentionSublayer attention) {
    this(attention, DecodeKernel.fast());
  }

  /// A sublayer with an empty cache.
  public LayerDecoder(AttentionSublayer attention, DecodeKernel kernel) {
    this.attention = attention;
    this.kernel = kernel;
    this.cache = new PagedCache(attention.spec().layout().cacheRow());
  }

  /// Appends tokens at the next positions, one by one, and attends with each over the cache as it
  /// then is.
  ///
  /// @param x `[tokens, D]`, their normed inputs
  /// @return `[tokens, D]`, what the sublayer adds to the residual stream
  public float[] append(float[] x, int tokens) {
    Projected rotated = attention.rotate(attention.project(x, tokens), cache.tokens());
    CacheRow row = cache.row();
    float[] queries = attention.absorb(rotated);
    int heads = attention.spec().layout().queryHeads();
    int query = heads * row.queryDim();
    int value = heads * row.value().width();
    float[] attended = new float[tokens * value];
    for (int token = 0; token < tokens; token++) {
      cache.append(rotated.rows(), token * row.elements());
      float[] output =
          kernel.attend(
              Arrays.copyOfRange(queries, token * query, (token + 1) * query),
              cache,
              attention.spec().softmaxScale(),
              attention.spec().window());
      System.arraycopy(output, 0, attended, token * value, value);
    }
    return attention.output(attention.expand(attended, tokens), tokens);
  }

  /// The cache.
  public PagedCache cache() {
    return cache;
  }
}
