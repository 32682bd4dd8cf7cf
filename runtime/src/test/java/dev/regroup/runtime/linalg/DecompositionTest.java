package dev.regroup.runtime.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DecompositionTest {
  private static Matrix random(int rows, int columns) {
    var random = new Random(rows * 1000L + columns);
    Matrix matrix = Matrix.zeros(rows, columns);
    for (int i = 0; i < matrix.elements().length; i++) {
      matrix.elements()[i] = random.nextGaussian();
    }
    return matrix;
  }

  private static void assertZero(Matrix matrix) {
    assertThat(matrix.frobenius()).isLessThan(1e-12 * (1 + matrix.rows()) * (1 + matrix.columns()));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8, 33, 100})
  void eigenvectorsOfASymmetricMatrixRebuildIt(int n) {
    Matrix matrix = random(n, n).symmetrised();
    SymmetricEigen eigen = SymmetricEigen.of(matrix);
    Matrix v = eigen.vectors();
    assertZero(v.columnsScaled(eigen.values()).timesTranspose(v).minus(matrix));
    assertZero(v.transposeTimes(v).minus(Matrix.identity(n)));
    for (int k = 0; k < n; k++) {
      assertThat(k == 0 || eigen.values()[k] <= eigen.values()[k - 1]).isTrue();
      assertThat(largest(v, k)).isPositive();
    }
  }

  private static double largest(Matrix vectors, int column) {
    double largest = 0;
    for (int i = 0; i < vectors.rows(); i++) {
      double component = vectors.at(i, column);
      largest = Math.abs(component) > Math.abs(largest) ? component : largest;
    }
    return largest;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 32})
  void eigenvectorsOfAHermitianMatrixRebuildIt(int n) {
    Matrix real = random(n, n).symmetrised();
    Matrix half = random(n, n + 1).columns(0, n);
    Matrix imaginary = half.minus(half.transpose());
    HermitianEigen eigen = HermitianEigen.of(real, imaginary);
    Matrix x = eigen.real();
    Matrix y = eigen.imaginary();
    Matrix lx = x.columnsScaled(eigen.values());
    Matrix ly = y.columnsScaled(eigen.values());
    // (x + iy) l (x - iy)ᵀ
    assertZero(lx.timesTranspose(x).plus(ly.timesTranspose(y)).minus(real));
    assertZero(ly.timesTranspose(x).minus(lx.timesTranspose(y)).minus(imaginary));
    assertZero(x.transposeTimes(x).plus(y.transposeTimes(y)).minus(Matrix.identity(n)));
    for (int k = 0; k < n; k++) {
      assertThat(k == 0 || eigen.values()[k] <= eigen.values()[k - 1]).isTrue();
      int largest = 0;
      for (int i = 0; i < n; i++) {
        if (Math.hypot(x.at(i, k), y.at(i, k))
            > Math.hypot(x.at(largest, k), y.at(largest, k)) + 1e-12) {
          largest = i;
        }
      }
      assertThat(x.at(largest, k)).isPositive();
      assertThat(y.at(largest, k)).isEqualTo(0, within(1e-12));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 50})
  void choleskySolvesFromBothSides(int n) {
    Matrix root = random(n, n + 3);
    Matrix matrix = root.timesTranspose(root);
    Cholesky factor = Cholesky.of(matrix);
    assertZero(factor.lower().timesTranspose(factor.lower()).minus(matrix));
    Matrix right = random(n, 7);
    double condition = SymmetricEigen.of(matrix).values()[0];
    assertThat(matrix.times(factor.solve(right)).minus(right).frobenius())
        .isLessThan(1e-11 * condition);
    assertThat(factor.solveTransposed(right.transpose()).transpose())
        .usingRecursiveComparison()
        .isEqualTo(factor.solve(right));
  }

  @Test
  void choleskySaysWhichMatrixItRefuses() {
    Matrix matrix = Matrix.diagonal(new double[] {1, 2, -3, 4});
    assertThatThrownBy(() -> Cholesky.of(matrix))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageStartingWith(
            "the 4 x 4 matrix is not positive definite: its leading 3 x 3 part");
  }

  @Test
  void rootsOfASingularMatrixLeaveItsNullSpaceOut() {
    Matrix tall = random(6, 3);
    Matrix matrix = tall.timesTranspose(tall);
    SymmetricRoot root = SymmetricRoot.of(matrix, 1e-10);
    assertThat(root.rank()).isEqualTo(3);
    assertZero(root.root().times(root.root()).minus(matrix));
    Matrix projection = root.inverse().times(matrix).times(root.inverse());
    assertZero(projection.times(projection).minus(projection));
    assertThat(projection.trace()).isEqualTo(3, within(1e-9));
    assertZero(projection.times(tall).minus(tall));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "5, 3", "3, 5", "64, 20", "20, 64"})
  void singularVectorsRebuildTheMatrix(int rows, int columns) {
    Matrix matrix = random(rows, columns);
    Svd svd = Svd.of(matrix);
    assertZero(svd.left().columnsScaled(svd.values()).times(svd.right()).minus(matrix));
    Matrix identity = Matrix.identity(Math.min(rows, columns));
    assertZero(svd.left().transposeTimes(svd.left()).minus(identity));
    assertZero(svd.right().timesTranspose(svd.right()).minus(identity));
    for (int k = 0; k < identity.rows(); k++) {
      assertThat(largest(svd.left(), k)).isPositive();
      assertThat(k == 0 || svd.values()[k] <= svd.values()[k - 1]).isTrue();
    }
    Matrix polar = svd.polar();
    Matrix gram = rows > columns ? polar.transposeTimes(polar) : polar.timesTranspose(polar);
    assertZero(gram.minus(identity));
  }

  @Test
  void refusesNumbersThatAreNotFinite() {
    Matrix matrix = Matrix.diagonal(new double[] {1, Double.NaN});
    assertThatThrownBy(() -> SymmetricEigen.of(matrix))
        .isInstanceOf(ArithmeticException.class)
        .hasMessage("cannot decompose a matrix whose element 3 is NaN");
  }

  @Test
  void cutsAndJoinsMatrices() {
    Matrix matrix = random(4, 3);
    assertThat(Matrix.stacked(List.of(matrix.rows(0, 1), matrix.rows(1, 3))))
        .usingRecursiveComparison()
        .isEqualTo(matrix);
    assertThat(Matrix.beside(List.of(matrix.columns(0, 2), matrix.columns(2, 1))))
        .usingRecursiveComparison()
        .isEqualTo(matrix);
    assertThat(matrix.transpose().at(2, 3)).isEqualTo(matrix.at(3, 2));
    assertZero(
        matrix
            .rowsScaled(new double[] {1, 2, 3, 4})
            .minus(Matrix.diagonal(new double[] {1, 2, 3, 4}).times(matrix)));
    assertThat(matrix.timesTranspose(matrix).trace())
        .isEqualTo(Math.pow(matrix.frobenius(), 2), within(1e-12));
  }
}
