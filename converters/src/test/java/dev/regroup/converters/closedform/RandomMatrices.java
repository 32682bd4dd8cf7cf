package dev.regroup.converters.closedform;

import dev.regroup.runtime.linalg.Matrix;
import java.util.Random;

/// Random matrices for tests.
final class RandomMatrices {
  private final Random random;

  RandomMatrices(long seed) {
    random = new Random(seed);
  }

  Matrix normal(int rows, int columns) {
    Matrix matrix = Matrix.zeros(rows, columns);
    for (int i = 0; i < matrix.elements().length; i++) {
      matrix.elements()[i] = random.nextGaussian();
    }
    return matrix;
  }

  /// A positive matrix whose energy decays from direction to direction.
  Matrix positive(int n) {
    Matrix factor = normal(n, n);
    for (int i = 0; i < n * n; i++) {
      factor.elements()[i] *= Math.pow(0.7, i % n);
    }
    return factor.timesTranspose(factor);
  }

  ComplexMatrix complex(int rows, int columns) {
    return new ComplexMatrix(normal(rows, columns), normal(rows, columns));
  }

  /// A Hermitian positive matrix.
  ComplexMatrix hermitian(int n) {
    ComplexMatrix factor = complex(n, n);
    for (int i = 0; i < n * n; i++) {
      factor.real().elements()[i] *= Math.pow(0.8, i % n);
      factor.imaginary().elements()[i] *= Math.pow(0.8, i % n);
    }
    return factor.timesAdjoint(factor);
  }

  double[] positives(int count) {
    return random.doubles(count, 0.01, 1).toArray();
  }
}
