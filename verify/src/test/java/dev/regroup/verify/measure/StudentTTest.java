package dev.regroup.verify.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StudentTTest {
  /// Quantiles as printed in tables (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
  @ParameterizedTest
  @CsvSource({
    "0.95, 1, 6.314", "0.975, 1, 12.706", "0.95, 2, 2.920", "0.95, 3, 2.353", "0.95, 4, 2.132",
    "0.95, 10, 1.812", "0.99, 7, 2.998", "0.975, 30, 2.042", "0.95, 31, 1.696", "0.95, 100, 1.660"
  })
  void givesTheTabulatedQuantiles(double probability, int degreesOfFreedom, double tabulated) {
    assertThat(StudentT.quantile(probability, degreesOfFreedom)).isCloseTo(tabulated, within(5e-4));
  }

  @Test
  void tendsToTheNormalQuantile() {
    assertThat(StudentT.quantile(0.95, 1_000_000)).isCloseTo(1.6448536, within(2e-4));
  }

  @Test
  void isZeroAtTheMedian() {
    assertThat(StudentT.quantile(0.5, 5)).isCloseTo(0, within(1e-12));
  }

  @Test
  void refusesWhatHasNoQuantile() {
    assertThatThrownBy(() -> StudentT.quantile(1, 5)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> StudentT.quantile(0.95, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
