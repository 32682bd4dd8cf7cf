package dev.regroup.runtime.linalg;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The eigenvalues and eigenvectors of a Hermitian matrix: `A = V diag(values) V^H`.
///
/// Phases are fixed, so that two runs give equal bytes: the component of largest magnitude is real
/// and positive (the first of several).
///
/// @param values largest first
/// @param real real parts of the eigenvectors, `[n, n]`, column k belongs to value k
/// @param imaginary their imaginary parts
public record HermitianEigen(double[] values, Matrix real, Matrix imaginary) {
  private static final class Routine {
    static final Lapack ZHEEVD = new Lapack("zheevd_", 2, 11);
  }

  /// Decomposes a Hermitian matrix by LAPACK's `zheevd`; only its lower triangle is read.
  ///
  /// @param real its real parts, symmetric
  /// @param imaginary its imaginary parts, antisymmetric
  /// @throws ArithmeticException where it holds numbers that are not finite
  public static HermitianEigen of(Matrix real, Matrix imaginary) {
    real.requireSquare();
    Finite.require(real.elements());
    Finite.require(imaginary.elements());
    int n = real.rows();
    if (imaginary.rows() != n || imaginary.columns() != n) {
      throw new IllegalArgumentException(
          "%d x %d real and %d x %d imaginary parts"
              .formatted(n, n, imaginary.rows(), imaginary.columns()));
    }
    if (n == 0) {
      return new HermitianEigen(new double[0], real, imaginary);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = columnMajor(arena, real, imaginary);
      MemorySegment w = Lapack.doubles(arena, n);
      int work = Math.toIntExact(2L * n + (long) n * n);
      int reals = Math.toIntExact(1 + 5L * n + 2L * n * n);
      int integers = 3 + 5 * n;
      int info =
          Routine.ZHEEVD.call(
              arena,
              "VL",
              Lapack.integer(arena, n),
              a,
              Lapack.integer(arena, n),
              w,
              Lapack.doubles(arena, 2L * work),
              Lapack.integer(arena, work),
              Lapack.doubles(arena, reals),
              Lapack.integer(arena, reals),
              Lapack.integers(arena, integers),
              Lapack.integer(arena, integers));
      Finite.requireConverged("eigenvalues", info);
      return sorted(w, a, n);
    }
  }

  private static MemorySegment columnMajor(Arena arena, Matrix real, Matrix imaginary) {
    int n = real.rows();
    MemorySegment a = Lapack.doubles(arena, 2L * n * n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        long at = 2L * (j * n + i);
        a.setAtIndex(JAVA_DOUBLE, at, real.at(i, j));
        a.setAtIndex(JAVA_DOUBLE, at + 1, imaginary.at(i, j));
      }
    }
    return a;
  }

  /// From LAPACK's order, smallest first and a vector a row, to ours.
  private static HermitianEigen sorted(MemorySegment w, MemorySegment a, int n) {
    double[] values = new double[n];
    Matrix real = Matrix.zeros(n, n);
    Matrix imaginary = Matrix.zeros(n, n);
    for (int k = 0; k < n; k++) {
      long from = n - 1L - k;
      values[k] = w.getAtIndex(JAVA_DOUBLE, from);
      int largest = 0;
      for (int i = 1; i < n; i++) {
        if (magnitude(a, from * n + i) > magnitude(a, from * n + largest)) {
          largest = i;
        }
      }
      double size = magnitude(a, from * n + largest);
      double cosine = a.getAtIndex(JAVA_DOUBLE, 2 * (from * n + largest)) / size;
      double sine = a.getAtIndex(JAVA_DOUBLE, 2 * (from * n + largest) + 1) / size;
      for (int i = 0; i < n; i++) {
        double x = a.getAtIndex(JAVA_DOUBLE, 2 * (from * n + i));
        double y = a.getAtIndex(JAVA_DOUBLE, 2 * (from * n + i) + 1);
        real.elements()[i * n + k] = x * cosine + y * sine;
        imaginary.elements()[i * n + k] = i == largest ? 0 : y * cosine - x * sine;
      }
    }
    return new HermitianEigen(values, real, imaginary);
  }

  private static double magnitude(MemorySegment a, long index) {
    return Math.hypot(
        a.getAtIndex(JAVA_DOUBLE, 2 * index), a.getAtIndex(JAVA_DOUBLE, 2 * index + 1));
  }
}
