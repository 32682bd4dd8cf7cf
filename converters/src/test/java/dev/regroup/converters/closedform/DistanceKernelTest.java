package dev.regroup.converters.closedform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/// The kernel of distances against the sums that define it.
final class DistanceKernelTest {
  private static final double[] THETA = {1, 0.31, 0.02, 0};

  @Test
  void isTheCovarianceOfTheRotations() {
    double[] mass = new RandomMatrices(5).positives(40);
    double total = Arrays.stream(mass).sum();
    Arrays.setAll(mass, i -> mass[i] / total);
    var kernel = new DistanceKernel(THETA, mass);
    for (int a = 0; a < THETA.length; a++) {
      double[] mean = mean(mass, -THETA[a]);
      assertThat(kernel.rhoReal(a)).isCloseTo(mean[0], within(1e-12));
      assertThat(kernel.rhoImaginary(a)).isCloseTo(mean[1], within(1e-12));
      for (int b = 0; b < THETA.length; b++) {
        // conj(f_a)·f_b turns by θ_a − θ_b a token
        double[] both = mean(mass, THETA[a] - THETA[b]);
        double[] other = mean(mass, -THETA[b]);
        double real = both[0] - (mean[0] * other[0] + mean[1] * other[1]);
        double imaginary = both[1] - (mean[0] * other[1] - mean[1] * other[0]);
        assertThat(kernel.real(a, b)).as("K %d %d", a, b).isCloseTo(real, within(1e-12));
        assertThat(kernel.imaginary(a, b)).as("K %d %d", a, b).isCloseTo(imaginary, within(1e-12));
      }
    }
  }

  @Test
  void leavesNothingOfWhatDoesNotTurnOrIsAlwaysAsFarAway() {
    double[] one = new double[30];
    one[7] = 1;
    var kernel = new DistanceKernel(THETA, one);
    for (int a = 0; a < THETA.length; a++) {
      assertThat(kernel.real(a, a)).isCloseTo(0, within(1e-12));
      assertThat(kernel.own(a)).isPositive();
      assertThat(Math.hypot(kernel.rhoReal(a), kernel.rhoImaginary(a))).isCloseTo(1, within(1e-12));
    }
    double[] even = new double[30];
    Arrays.fill(even, 1.0 / 30);
    var still = new DistanceKernel(THETA, even);
    assertThat(still.real(3, 3)).isCloseTo(0, within(1e-12));
    assertThat(still.rhoReal(3)).isCloseTo(1, within(1e-12));
    assertThat(still.real(0, 0)).isGreaterThan(0.9);
  }

  /// E exp(i·Δ·turn).
  private static double[] mean(double[] mass, double turn) {
    double[] mean = new double[2];
    for (int distance = 0; distance < mass.length; distance++) {
      mean[0] += mass[distance] * Math.cos(turn * distance);
      mean[1] += mass[distance] * Math.sin(turn * distance);
    }
    return mean;
  }
}
