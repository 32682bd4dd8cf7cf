package dev.regroup.converters.closedform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.runtime.linalg.HermitianEigen;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Power iteration against a whole decomposition.
final class TopComponentTest {
  private static final int N = 8;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void isTheLeadingEigenpair(long seed) {
    var random = new RandomMatrices(seed);
    ComplexMatrix z = random.complex(N, N);
    ComplexMatrix s = random.hermitian(N);
    ComplexMatrix product = z.times(s).timesAdjoint(z);
    HermitianEigen eigen = HermitianEigen.of(product.real(), product.imaginary());
    TopComponent top = TopComponent.of(z, s);
    assertThat(top.value()).isCloseTo(eigen.values()[0], within(1e-6 * eigen.values()[0]));
    // |<vector, eigenvector>| = 1
    double re = 0;
    double im = 0;
    double length = 0;
    int largest = 0;
    for (int i = 0; i < N; i++) {
      double a = top.vector().real().at(0, i);
      double b = top.vector().imaginary().at(0, i);
      double c = eigen.real().at(i, 0);
      double d = eigen.imaginary().at(i, 0);
      re += a * c + b * d;
      im += a * d - b * c;
      length += a * a + b * b;
      if (size(top.vector(), i) > size(top.vector(), largest)) {
        largest = i;
      }
    }
    assertThat(length).isCloseTo(1, within(1e-12));
    assertThat(Math.hypot(re, im)).isCloseTo(1, within(1e-6));
    assertThat(top.vector().real().at(0, largest)).isPositive();
    assertThat(top.vector().imaginary().at(0, largest)).isCloseTo(0, within(1e-12));
  }

  @Test
  void findsNothingInNothing() {
    TopComponent top =
        TopComponent.of(ComplexMatrix.zeros(N, N), new RandomMatrices(1).hermitian(N));
    assertThat(top.value()).isZero();
    assertThat(top.vector().real().frobenius()).isCloseTo(1, within(1e-12));
  }

  private static double size(ComplexMatrix row, int i) {
    return Math.hypot(row.real().at(0, i), row.imaginary().at(0, i));
  }
}
