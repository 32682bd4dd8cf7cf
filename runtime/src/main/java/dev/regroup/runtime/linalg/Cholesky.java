package dev.regroup.runtime.linalg;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The Cholesky factor of a symmetric positive definite matrix: `A = L Lᵀ`.
///
/// @param lower L, `[n, n]`, zeros above its diagonal
public record Cholesky(Matrix lower) {
  private static final class Routine {
    static final Lapack DPOTRF = new Lapack("dpotrf_", 1, 4);
    static final Lapack DPOTRS = new Lapack("dpotrs_", 1, 7);
  }

  /// Factors a symmetric matrix; only its lower triangle is read.
  ///
  /// @throws ArithmeticException where it is not positive definite, or not finite
  public static Cholesky of(Matrix matrix) {
    matrix.requireSquare();
    Finite.require(matrix.elements());
    int n = matrix.rows();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = Lapack.doubles(arena, matrix.elements());
      MemorySegment order = Lapack.integer(arena, n);
      // a row-major lower triangle is a column-major upper one
      int info = Routine.DPOTRF.call(arena, "U", order, a, Lapack.integer(arena, Math.max(1, n)));
      if (info > 0) {
        throw new ArithmeticException(
            "the %d x %d matrix is not positive definite: its leading %d x %d part is singular or"
                    .formatted(n, n, info, info)
                + " indefinite -> add to its diagonal, or cut off its small eigenvalues");
      }
      double[] lower = a.toArray(JAVA_DOUBLE);
      for (int i = 0; i < n; i++) {
        java.util.Arrays.fill(lower, i * n + i + 1, (i + 1) * n, 0);
      }
      return new Cholesky(new Matrix(n, n, lower));
    }
  }

  /// X where `A X = right`, `[n, m]`.
  public Matrix solve(Matrix right) {
    return solveTransposed(right.transpose()).transpose();
  }

  /// X where `X A = right`, `[m, n]`.
  public Matrix solveTransposed(Matrix right) {
    int n = lower.rows();
    if (right.columns() != n) {
      throw new IllegalArgumentException(
          "expected sides of %d elements, found %d".formatted(n, right.columns()));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment b = Lapack.doubles(arena, right.elements());
      MemorySegment stride = Lapack.integer(arena, Math.max(1, n));
      Routine.DPOTRS.call(
          arena,
          "U",
          Lapack.integer(arena, n),
          Lapack.integer(arena, right.rows()),
          Lapack.doubles(arena, lower.elements()),
          stride,
          b,
          stride);
      return new Matrix(right.rows(), n, b.toArray(JAVA_DOUBLE));
    }
  }
}
