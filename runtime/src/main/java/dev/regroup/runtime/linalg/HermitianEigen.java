package dev.regroup.runtime.linalg;

/// Eigenvalues and eigenvectors of a Hermitian matrix.
///
/// Phases are fixed, so that equal input gives equal bytes: the largest component of every vector is
/// real and positive.
///
/// @param values largest first
/// @param real real parts of the vectors, `[n, n]`, the i-th column belonging to the i-th value
/// @param imaginary their imaginary parts
public record HermitianEigen(double[] values, Matrix real, Matrix imaginary) {
  /// Decomposes a matrix; only its Hermitian part counts.
  ///
  /// @throws ArithmeticException where an element is not finite, or the iteration does not end
  public static HermitianEigen of(Matrix real, Matrix imaginary) {
    int n = real.rows();
    if (real.columns() != n || imaginary.rows() != n || imaginary.columns() != n) {
      throw new IllegalArgumentException(
          "expected two square matrices of one size, found %d x %d and %d x %d"
              .formatted(n, real.columns(), imaginary.rows(), imaginary.columns()));
    }
    double[] pairs = new double[2 * n * n];
    for (int r = 0; r < n; r++) {
      for (int c = 0; c < n; c++) {
        // column-major, real and imaginary part side by side
        pairs[2 * (c * n + r)] = (real.at(r, c) + real.at(c, r)) / 2;
        pairs[2 * (c * n + r) + 1] = (imaginary.at(r, c) - imaginary.at(c, r)) / 2;
      }
    }
    double[] ascending = Lapack.hermitianEigen(pairs, n);
    double[] values = new double[n];
    Matrix vectorsReal = Matrix.zeros(n, n);
    Matrix vectorsImaginary = Matrix.zeros(n, n);
    for (int i = 0; i < n; i++) {
      int from = 2 * (n - 1 - i) * n;
      values[i] = ascending[n - 1 - i];
      int largest = largest(pairs, from, n);
      double size = Math.hypot(pairs[from + 2 * largest], pairs[from + 2 * largest + 1]);
      double cos = pairs[from + 2 * largest] / size;
      double sin = -pairs[from + 2 * largest + 1] / size;
      for (int r = 0; r < n; r++) {
        double re = pairs[from + 2 * r];
        double im = pairs[from + 2 * r + 1];
        vectorsReal.elements()[r * n + i] = re * cos - im * sin;
        vectorsImaginary.elements()[r * n + i] = re * sin + im * cos;
      }
    }
    return new HermitianEigen(values, vectorsReal, vectorsImaginary);
  }

  private static int largest(double[] pairs, int from, int n) {
    int largest = 0;
    double size = Math.hypot(pairs[from], pairs[from + 1]);
    for (int i = 1; i < n; i++) {
      double next = Math.hypot(pairs[from + 2 * i], pairs[from + 2 * i + 1]);
      if (next > size * (1 + 1e-9)) {
        largest = i;
        size = next;
      }
    }
    return largest;
  }
}
