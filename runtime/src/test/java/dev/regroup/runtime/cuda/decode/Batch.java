package dev.regroup.runtime.cuda.decode;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.decode.PagedCache;
import dev.regroup.runtime.model.RandomAttention;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/// Sequences to attend over: caches whose pages hold NaN behind the last token, and queries.
///
/// @param queries `[queryLength, H, queryDim]` of each sequence
record Batch(DecodeShape shape, List<PagedCache> caches, List<float[]> queries, double scale) {
  private static final int MOST_DISTINCT = 1009; // rows; random numbers take longer than attention

  static Batch of(
      AttentionLayout layout, int queryLength, int window, Precision cache, int[] lengths) {
    // Queries and output are float32: what is measured is what the kernel rounds inside.
    var types = new DecodeShape.Types(cache, Precision.FLOAT32, Precision.FLOAT32);
    var shape = new DecodeShape(layout.cacheRow(), layout.queryHeads(), queryLength, window, types);
    int[] seen = Arrays.stream(lengths).map(n -> Math.max(n, queryLength)).toArray();
    return new Batch(
        shape,
        IntStream.range(0, seen.length).mapToObj(i -> cache(shape, seen[i], i)).toList(),
        IntStream.range(0, seen.length)
            .mapToObj(i -> RandomAttention.gaussian(new Random(~i), shape.queryElements(), 1))
            .toList(),
        1 / Math.sqrt(layout.cacheRow().queryDim()));
  }

  private static PagedCache cache(DecodeShape shape, int tokens, int seed) {
    CacheRow row = shape.row();
    var cache = new PagedCache(row);
    int distinct = Math.min(tokens, MOST_DISTINCT);
    float[] rows =
        RandomAttention.gaussian(new Random(31L * seed + tokens), distinct * row.elements(), 1);
    if (shape.types().cache() == Precision.BFLOAT16) {
      for (int i = 0; i < rows.length; i++) {
        rows[i] = rounded(rows[i]);
      }
    }
    for (int token = 0; token < tokens; token++) {
      cache.append(rows, token % distinct * row.elements());
    }
    Arrays.fill(
        cache.page(tokens - 1),
        cache.start(tokens - 1) + row.elements(),
        PagedCache.PAGE_TOKENS * row.elements(),
        Float.NaN);
    return cache;
  }

  int[] lengths() {
    return caches.stream().mapToInt(PagedCache::tokens).toArray();
  }

  /// To the nearest BF16, ties to even.
  static float rounded(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000);
  }

  /// The upper half of a BF16 value's bits.
  static short bits(float value) {
    return (short) (Float.floatToRawIntBits(value) >>> 16);
  }
}
