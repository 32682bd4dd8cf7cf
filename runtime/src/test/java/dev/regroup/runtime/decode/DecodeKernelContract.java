package dev.regroup.runtime.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.runtime.model.RandomAttention;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What every decode kernel must do; a small subclass a kernel names the kernel under test.
abstract class DecodeKernelContract {
  private static final double SCALE = 0.2;

  abstract DecodeKernel kernel();

  static Stream<AttentionLayout> layouts() {
    return Stream.of(
        new Gqa(8, 8, 20),
        new Gqa(8, 1, 64),
        new Gqa(8, 2, 33 * 2),
        new Gta(8, 2, 64, 32),
        new Gta(4, 4, 18, 18),
        new Gla(8, 1, 128, 64, 32, 64),
        new Gla(8, 2, 65, 64, 32, 64),
        new Gla(8, 8, 36, 16, 8, 16));
  }

  private static PagedCache cache(CacheRow row, int tokens) {
    var cache = new PagedCache(row);
    float[] rows = RandomAttention.gaussian(new Random(tokens), tokens * row.elements(), 1);
    for (int t = 0; t < tokens; t++) {
      cache.append(rows, t * row.elements());
    }
    Arrays.fill( // what lies behind the last token is no number
        cache.page(tokens - 1),
        cache.start(tokens - 1) + row.elements(),
        PagedCache.PAGE_TOKENS * row.elements(),
        Float.NaN);
    return cache;
  }

  private static float[] query(AttentionLayout layout) {
    return RandomAttention.gaussian(
        new Random(4), layout.queryHeads() * layout.cacheRow().queryDim(), 1);
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void attendsOverEveryTokenAsWrittenOut(AttentionLayout layout) {
    for (int tokens : new int[] {1, 7, 63, 64, 65, 1021}) {
      for (int window : new int[] {0, 1, 50, 64, 2000}) {
        PagedCache cache = cache(layout.cacheRow(), tokens);
        float[] query = query(layout);
        float[] output = kernel().attend(query, cache, SCALE, window);
        for (int head = 0; head < layout.queryHeads(); head++) {
          double[] expected = expected(layout, query, cache, head, window);
          for (int i = 0; i < expected.length; i++) {
            assertThat((double) output[head * expected.length + i])
                .as("%d tokens, window %d, head %d, element %d", tokens, window, head, i)
                .isEqualTo(expected[i], within(tolerance(layout, tokens)));
          }
        }
      }
    }
  }

  /// A score sums k products of size about 1 and is scaled; its rounding error moves a probability
  /// by as much, relatively; the average sums values below 6 in size, weighted by 1 in all, in
  /// `tokens` roundings of random sign.
  private static double tolerance(AttentionLayout layout, int tokens) {
    double score = SCALE * layout.cacheRow().queryDim() * 6e-8 * 4;
    return 6 * (score + Math.sqrt(tokens) * 6e-8 * 4) + 1e-6;
  }

  private static double[] expected(
      AttentionLayout layout, float[] query, PagedCache cache, int head, int window) {
    CacheRow row = cache.row();
    int group = head / (layout.queryHeads() / row.stateHeads());
    int first = window == 0 ? 0 : Math.max(0, cache.tokens() - window);
    double[] sums = new double[row.value().width()];
    double total = 0;
    for (int t = first; t < cache.tokens(); t++) {
      int state = cache.start(t) + group * row.stateDim();
      int rope = cache.start(t) + row.stateHeads() * row.stateDim();
      double score = 0;
      for (int i = 0; i < row.queryDim(); i++) {
        int key =
            i < row.key().width() ? state + row.key().start() + i : rope + i - row.key().width();
        score += (double) query[head * row.queryDim() + i] * cache.page(t)[key];
      }
      double weight = Math.exp(SCALE * score);
      total += weight;
      for (int i = 0; i < sums.length; i++) {
        sums[i] += weight * cache.page(t)[state + row.value().start() + i];
      }
    }
    for (int i = 0; i < sums.length; i++) {
      sums[i] /= total;
    }
    return sums;
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void returnsTheValueItselfForASingleToken(AttentionLayout layout) {
    CacheRow row = layout.cacheRow();
    PagedCache cache = cache(row, 1);
    float[] output = kernel().attend(query(layout), cache, SCALE, 0);
    int width = row.value().width();
    for (int head = 0; head < layout.queryHeads(); head++) {
      int group = head / (layout.queryHeads() / row.stateHeads());
      int from = group * row.stateDim() + row.value().start();
      assertThat(Arrays.copyOfRange(output, head * width, (head + 1) * width))
          .containsExactly(Arrays.copyOfRange(cache.page(0), from, from + width));
    }
  }

  @Test
  void standsScoresOfAnySize() {
    var cache = new PagedCache(new Gqa(1, 1, 2).cacheRow());
    cache.append(new float[] {1e19f, 0, 1, 2}, 0);
    cache.append(new float[] {-1e19f, 0, 3, 4}, 0);
    assertThat(kernel().attend(new float[] {1e18f, 0}, cache, 1, 0)).containsExactly(1, 2);
  }

  @Test
  void refusesAnEmptyCacheAndAQueryOfAnotherWidth() {
    var cache = new PagedCache(new Gqa(2, 2, 4).cacheRow());
    assertThatThrownBy(() -> kernel().attend(new float[8], cache, 1, 0))
        .hasMessage("the cache is empty: append the new token's row first");
    assertThatThrownBy(() -> kernel().attend(new float[4], cache, 1, 0))
        .hasMessage("a query for 2 states of 4 elements has 4 elements");
  }
}
