package dev.regroup.verify.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ClusteredMeanTest {
  @Test
  void agreesWithAHandComputedExample() {
    // clusters {1, 2, 3}, {5}, {2, 2}: mean 15/6; residuals 6-7.5, 5-2.5, 4-5
    ClusteredMean mean = ClusteredMean.of(new double[] {6, 5, 4}, new long[] {3, 1, 2});
    assertThat(mean.mean()).isEqualTo(2.5);
    assertThat(mean.standardError())
        .isCloseTo(Math.sqrt((2.25 + 6.25 + 1) * 3 / 2) / 6, within(1e-15));
    assertThat(mean.count()).isEqualTo(6);
  }

  @Test
  void equalsTheTextbookErrorWhereClustersAreSingleTokens() {
    // sd of {1, 2, 3, 4} is sqrt(5/3)
    ClusteredMean mean = ClusteredMean.of(new double[] {1, 2, 3, 4}, new long[] {1, 1, 1, 1});
    assertThat(mean.standardError()).isCloseTo(Math.sqrt(5.0 / 3 / 4), within(1e-15));
  }

  @Test
  void knowsNoSpreadFromOneCluster() {
    ClusteredMean mean = ClusteredMean.of(new double[] {6, 0}, new long[] {3, 0});
    assertThat(mean.mean()).isEqualTo(2);
    assertThat(mean.clusters()).isEqualTo(1);
    assertThat(mean.standardError()).isNaN();
  }

  @Test
  void boundsCoverTheTruthAsOftenAsTheyClaimThoughTokensOfAWindowAreAlike() {
    // 8 windows of 50 tokens that share a window effect as strong as the token noise: errors that
    // took tokens for independent would cover about 62 of 100
    var random = new Random(11);
    int trials = 4000;
    int covered = 0;
    for (int trial = 0; trial < trials; trial++) {
      double[] sums = new double[8];
      long[] counts = new long[8];
      for (int window = 0; window < sums.length; window++) {
        double effect = random.nextGaussian();
        for (int t = 0; t < 50; t++) {
          sums[window] += effect + random.nextGaussian();
        }
        counts[window] = 50;
      }
      covered += Estimate.ofMean(ClusteredMean.of(sums, counts)).upper() >= 0 ? 1 : 0;
    }
    // three standard deviations of a binomial count around 95 of 100
    assertThat((double) covered / trials).isCloseTo(0.95, within(0.0104));
  }
}
