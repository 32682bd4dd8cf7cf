package dev.regroup.runtime.linalg;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The eigenvalues and eigenvectors of a symmetric matrix: `A = V diag(values) Vᵀ`.
///
/// Signs are fixed, so that two runs give equal bytes: the component of largest magnitude is
/// positive (the first of several).
///
/// @param values largest first
/// @param vectors `[n, n]`, column k belongs to value k
public record SymmetricEigen(double[] values, Matrix vectors) {
  private static final class Routine {
    static final Lapack DSYEVD = new Lapack("dsyevd_", 2, 9);
  }

  /// Decomposes a symmetric matrix by LAPACK's `dsyevd`; only its lower triangle is read.
  ///
  /// @throws ArithmeticException where it holds numbers that are not finite
  public static SymmetricEigen of(Matrix matrix) {
    matrix.requireSquare();
    Finite.require(matrix.elements());
    int n = matrix.rows();
    if (n == 0) {
      return new SymmetricEigen(new double[0], matrix);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = Lapack.doubles(arena, matrix.elements());
      MemorySegment w = Lapack.doubles(arena, n);
      long work = 1 + 6L * n + 2L * n * n;
      int integers = 3 + 5 * n;
      // a row-major lower triangle is a column-major upper one
      int info =
          Routine.DSYEVD.call(
              arena,
              "VU",
              Lapack.integer(arena, n),
              a,
              Lapack.integer(arena, n),
              w,
              Lapack.doubles(arena, work),
              Lapack.integer(arena, Math.toIntExact(work)),
              Lapack.integers(arena, integers),
              Lapack.integer(arena, integers));
      Finite.requireConverged("eigenvalues", info);
      return sorted(w, a, n);
    }
  }

  /// From LAPACK's order, smallest first and a vector a row, to ours.
  private static SymmetricEigen sorted(MemorySegment w, MemorySegment a, int n) {
    double[] values = new double[n];
    Matrix vectors = Matrix.zeros(n, n);
    for (int k = 0; k < n; k++) {
      int from = n - 1 - k;
      values[k] = w.getAtIndex(JAVA_DOUBLE, from);
      double largest = 0;
      for (int i = 0; i < n; i++) {
        double component = a.getAtIndex(JAVA_DOUBLE, (long) from * n + i);
        if (Math.abs(component) > Math.abs(largest)) {
          largest = component;
        }
      }
      double sign = largest < 0 ? -1 : 1;
      for (int i = 0; i < n; i++) {
        vectors.elements()[i * n + k] = sign * a.getAtIndex(JAVA_DOUBLE, (long) from * n + i);
      }
    }
    return new SymmetricEigen(values, vectors);
  }

  /// The first `count` eigenvectors, `[n, count]`.
  public Matrix leading(int count) {
    return vectors.columns(0, count);
  }
}
