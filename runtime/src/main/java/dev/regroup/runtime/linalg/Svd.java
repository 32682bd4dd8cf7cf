package dev.regroup.runtime.linalg;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The thin singular value decomposition `A = left · diag(values) · right`.
///
/// Signs are fixed, so that two runs give equal bytes: the component of largest magnitude of every
/// left vector is positive (the first of several).
///
/// @param left `[m, k]` with k = min(m, n), orthonormal columns
/// @param values largest first
/// @param right `[k, n]`, orthonormal rows
public record Svd(Matrix left, double[] values, Matrix right) {
  private static final class Routine {
    static final Lapack DGESDD = new Lapack("dgesdd_", 1, 13);
  }

  /// Decomposes a matrix by LAPACK's `dgesdd`.
  ///
  /// @throws ArithmeticException where it holds numbers that are not finite
  public static Svd of(Matrix matrix) {
    Finite.require(matrix.elements());
    int m = matrix.rows();
    int n = matrix.columns();
    int k = Math.min(m, n);
    if (k == 0) {
      return new Svd(Matrix.zeros(m, 0), new double[0], Matrix.zeros(0, n));
    }
    try (Arena arena = Arena.ofConfined()) {
      // LAPACK sees the transpose, [n, m]: its left vectors are our right ones
      MemorySegment s = Lapack.doubles(arena, k);
      MemorySegment u = Lapack.doubles(arena, (long) n * k);
      MemorySegment vt = Lapack.doubles(arena, (long) k * m);
      int work = Math.toIntExact(4L * k * k + 7L * k + 64L * (m + n));
      int info =
          Routine.DGESDD.call(
              arena,
              "S",
              Lapack.integer(arena, n),
              Lapack.integer(arena, m),
              Lapack.doubles(arena, matrix.elements()),
              Lapack.integer(arena, n),
              s,
              u,
              Lapack.integer(arena, n),
              vt,
              Lapack.integer(arena, k),
              Lapack.doubles(arena, work),
              Lapack.integer(arena, work),
              Lapack.integers(arena, 8L * k));
      Finite.requireConverged("singular values", info);
      var svd =
          new Svd(
              new Matrix(m, k, vt.toArray(JAVA_DOUBLE)),
              s.toArray(JAVA_DOUBLE),
              new Matrix(k, n, u.toArray(JAVA_DOUBLE)));
      return svd.signed();
    }
  }

  private Svd signed() {
    double[] signs = new double[values.length];
    for (int k = 0; k < signs.length; k++) {
      double largest = 0;
      for (int i = 0; i < left.rows(); i++) {
        largest = Math.abs(left.at(i, k)) > Math.abs(largest) ? left.at(i, k) : largest;
      }
      signs[k] = largest < 0 ? -1 : 1;
    }
    return new Svd(left.columnsScaled(signs), values, right.rowsScaled(signs));
  }

  /// The matrix with orthonormal columns (or rows) nearest to A: `left · right`.
  public Matrix polar() {
    return left.times(right);
  }
}
