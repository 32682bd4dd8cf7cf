package dev.regroup.verify.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PercentilesTest {
  @Test
  void interpolatesBetweenNeighbours() {
    Percentiles percentiles = Percentiles.of(new double[] {4, 1, 3, 2});
    assertThat(percentiles.at(0)).isEqualTo(1);
    assertThat(percentiles.at(50)).isEqualTo(2.5);
    assertThat(percentiles.at(90)).isCloseTo(3.7, within(1e-12));
    assertThat(percentiles.max()).isEqualTo(4);
  }

  @Test
  void knowsNothingOfNoValues() {
    assertThat(Percentiles.of(new double[0]).at(50)).isNaN();
  }

  @Test
  void countsEveryValueInOneBin() {
    double[] values = {0, 1e-12, 1e-9, 0.9e-3, 1.1e-3, 2, 1e9};
    Histogram histogram = Histogram.of(values);
    assertThat(histogram.below()).isEqualTo(2);
    assertThat(histogram.bins().stream().mapToLong(Histogram.Bin::count).sum()).isEqualTo(5);
    for (Histogram.Bin bin : histogram.bins()) {
      if (bin.lower() < 2 && 2 < bin.upper()) {
        assertThat(bin.count()).isEqualTo(1);
      }
    }
    assertThat(histogram.bins().getFirst().count()).isEqualTo(1);
    assertThat(histogram.bins().getLast().count()).isEqualTo(1);
  }
}
