package dev.regroup.converters.closedform;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.SymmetricEigen;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class HeadGroupsTest {
  private static final int STARTS = 256;

  @Test
  void findsHeadsThatReadTheSameSubspace() {
    var random = new SplittableRandom(1);
    List<Matrix> needs = new ArrayList<>();
    for (int head = 0; head < 12; head++) {
      // three subspaces of four dimensions each, dealt out in turn
      needs.add(need(random, 12, head % 3 * 4, 4));
    }
    HeadGroups.Order order = HeadGroups.of(needs, 3, 4, STARTS);
    assertThat(order.heads()).containsExactly(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11);
    double all = needs.stream().mapToDouble(Matrix::trace).sum();
    assertThat(order.kept()).isCloseTo(all, org.assertj.core.data.Offset.offset(1e-9 * all));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void comesCloseToTheBestOfAllGroupings(long seed) {
    var random = new SplittableRandom(seed);
    List<Matrix> needs = new ArrayList<>();
    for (int head = 0; head < 8; head++) {
      needs.add(need(random, 6, 0, 6));
    }
    double best = 0;
    double worst = Double.MAX_VALUE;
    for (int mask = 0; mask < 256; mask++) {
      if (Integer.bitCount(mask) == 4) {
        double kept = kept(needs, mask) + kept(needs, 255 - mask);
        best = Math.max(best, kept);
        worst = Math.min(worst, kept);
      }
    }
    HeadGroups.Order order = HeadGroups.of(needs, 2, 3, STARTS);
    assertThat(order.kept()).isBetween(best - 0.02 * (best - worst), best * (1 + 1e-12));
    int mask = Arrays.stream(order.heads()).limit(4).map(h -> 1 << h).sum();
    assertThat(kept(needs, mask) + kept(needs, 255 - mask))
        .as("what is kept is what the order keeps")
        .isGreaterThanOrEqualTo(order.kept() * (1 - 1e-9));
  }

  @Test
  void answersTheSameEveryTime() {
    var random = new SplittableRandom(9);
    List<Matrix> needs = new ArrayList<>();
    for (int head = 0; head < 16; head++) {
      needs.add(need(random, 8, 0, 8));
    }
    HeadGroups.Order first = HeadGroups.of(needs, 4, 3, 20);
    assertThat(HeadGroups.of(needs, 4, 3, 20).heads()).isEqualTo(first.heads());
    assertThat(Arrays.stream(first.heads()).sorted().toArray())
        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }

  @Test
  void isAskedOnlyWhereThereIsSomethingToChooseAndTimeForIt() {
    assertThat(HeadGroups.starts(16, 2, 64, 32)).isEqualTo(256);
    assertThat(HeadGroups.starts(16, 1, 64, 32)).as("one latent").isZero();
    assertThat(HeadGroups.starts(16, 16, 64, 32)).as("a latent each").isZero();
    assertThat(HeadGroups.starts(16, 2, 64, 64)).as("the whole rank").isZero();
    assertThat(HeadGroups.starts(16, 2, 512, 256)).as("DeepSeek-V2-Lite").isBetween(2, 20);
    assertThat(HeadGroups.starts(128, 2, 512, 256)).as("DeepSeek-V2: too long").isZero();
  }

  /// A positive matrix on some of the dimensions.
  private static Matrix need(SplittableRandom random, int size, int first, int count) {
    Matrix rows = Matrix.zeros(2, size);
    for (int r = 0; r < 2; r++) {
      for (int c = first; c < first + count; c++) {
        rows.elements()[r * size + c] = random.nextDouble() - 0.5;
      }
    }
    return rows.transposeTimes(rows);
  }

  private static double kept(List<Matrix> needs, int mask) {
    Matrix sum = Matrix.zeros(6, 6);
    for (int head = 0; head < 8; head++) {
      if ((mask >> head & 1) == 1) {
        sum = sum.plus(needs.get(head));
      }
    }
    return Arrays.stream(SymmetricEigen.of(sum).values()).limit(3).sum();
  }
}
