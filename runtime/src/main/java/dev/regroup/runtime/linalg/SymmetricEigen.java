package dev.regroup.runtime.linalg;

/// Eigenvalues and eigenvectors of a symmetric matrix.
///
/// Signs are fixed, so that equal input gives equal bytes: the largest component of every vector is
/// positive.
///
/// @param values largest first
/// @param vectors `[n, n]`, the i-th column belonging to the i-th value; orthonormal
public record SymmetricEigen(double[] values, Matrix vectors) {
  /// Decomposes a matrix; only its symmetric part counts.
  ///
  /// @throws ArithmeticException where an element is not finite, or the iteration does not end
  public static SymmetricEigen of(Matrix matrix) {
    int n = matrix.rows();
    if (matrix.columns() != n) {
      throw new IllegalArgumentException(
          "expected a square matrix, found %d x %d".formatted(n, matrix.columns()));
    }
    double[] symmetric = new double[n * n];
    for (int r = 0; r < n; r++) {
      for (int c = 0; c < n; c++) {
        symmetric[r * n + c] = (matrix.at(r, c) + matrix.at(c, r)) / 2;
      }
    }
    if (n == 0) {
      return new SymmetricEigen(new double[0], matrix);
    }
    double[] ascending = Lapack.symmetricEigen(symmetric, n);
    double[] values = new double[n];
    Matrix vectors = Matrix.zeros(n, n);
    for (int i = 0; i < n; i++) {
      // LAPACK is column-major: its i-th column is our i-th row, smallest value first
      int from = (n - 1 - i) * n;
      values[i] = ascending[n - 1 - i];
      double sign = symmetric[from + largest(symmetric, from, n)] < 0 ? -1 : 1;
      for (int r = 0; r < n; r++) {
        vectors.elements()[r * n + i] = sign * symmetric[from + r];
      }
    }
    return new SymmetricEigen(values, vectors);
  }

  /// The index of the component of largest size; the first of nearly equal ones.
  private static int largest(double[] elements, int from, int n) {
    int largest = 0;
    for (int i = 1; i < n; i++) {
      if (Math.abs(elements[from + i]) > Math.abs(elements[from + largest]) * (1 + 1e-9)) {
        largest = i;
      }
    }
    return largest;
  }
}
