package dev.regroup.runtime.linalg;

/// The Cholesky factor of a symmetric positive definite matrix, ready to solve with.
public final class Cholesky {
  private final int n;
  private final double[] factor;

  private Cholesky(int n, double[] factor) {
    this.n = n;
    this.factor = factor;
  }

  /// Factors a matrix; only one triangle is read.
  ///
  /// @throws ArithmeticException where it is not positive definite
  public static Cholesky of(Matrix matrix) {
    int n = matrix.rows();
    if (matrix.columns() != n) {
      throw new IllegalArgumentException(
          "expected a square matrix, found %d x %d".formatted(n, matrix.columns()));
    }
    double[] factor = matrix.elements().clone();
    Lapack.choleskyFactor(factor, n);
    return new Cholesky(n, factor);
  }

  /// X with `matrix · X = right`.
  public Matrix solve(Matrix right) {
    if (right.rows() != n) {
      throw new IllegalArgumentException(
          "expected %d rows, found %d".formatted(n, right.rows()));
    }
    // column-major: right-hand sides lie one after the other
    double[] columns = right.transpose().elements();
    Lapack.choleskySolve(factor, n, columns, right.columns());
    return new Matrix(right.columns(), n, columns).transpose();
  }
}
