package dev.regroup.runtime.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.attention.Gta;
import org.junit.jupiter.api.Test;

final class PagedCacheTest {
  @Test
  void allocatesAPageWhenItsFirstTokenComes() {
    var cache = new PagedCache(new Gta(4, 2, 8, 4).cacheRow()); // 20 elements a token
    assertThat(cache.allocatedElements()).isZero();
    for (int t = 0; t < 64; t++) {
      cache.append(row(t), 0);
    }
    assertThat(cache.allocatedElements()).isEqualTo(64 * 20);
    cache.append(row(64), 0);
    assertThat(cache.allocatedElements()).isEqualTo(2 * 64 * 20);
    assertThat(cache.tokens()).isEqualTo(65);
    for (int t = 0; t < 65; t++) {
      assertThat(cache.page(t)[cache.start(t)]).isEqualTo(t);
      assertThat(cache.page(t)[cache.start(t) + 19]).isEqualTo(t);
    }
    cache.clear();
    assertThat(cache.allocatedElements()).isZero();
    assertThat(cache.tokens()).isZero();
  }

  private static float[] row(int token) {
    float[] row = new float[20];
    java.util.Arrays.fill(row, token);
    return row;
  }
}
