package dev.regroup.runtime.linalg;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The LAPACK routines that we call. Matrices are column-major here.
final class Lapack {
  // dsyevd_(jobz, uplo, n, a, lda, w, work, lwork, iwork, liwork, info)
  private static final MethodHandle DSYEVD = OpenBlas.lapack("dsyevd_", 11);

  // zheevd_(jobz, uplo, n, a, lda, w, work, lwork, rwork, lrwork, iwork, liwork, info)
  private static final MethodHandle ZHEEVD = OpenBlas.lapack("zheevd_", 13);

  // dpotrf_(uplo, n, a, lda, info)
  private static final MethodHandle DPOTRF = OpenBlas.lapack("dpotrf_", 5);

  // dpotrs_(uplo, n, nrhs, a, lda, b, ldb, info)
  private static final MethodHandle DPOTRS = OpenBlas.lapack("dpotrs_", 8);

  private Lapack() {}

  /// Eigenvalues, smallest first; the matrix is overwritten with the eigenvectors, one after another.
  static double[] symmetricEigen(double[] matrix, int n) {
    requireFinite(matrix);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocateFrom(JAVA_DOUBLE, matrix);
      MemorySegment values = arena.allocate(JAVA_DOUBLE, n);
      int works = 1 + 6 * n + 2 * n * n;
      int integers = 3 + 5 * n;
      MemorySegment info = arena.allocate(JAVA_INT);
      DSYEVD.invokeExact(
          OpenBlas.letter(arena, 'V'),
          OpenBlas.letter(arena, 'U'),
          integer(arena, n),
          a,
          integer(arena, n),
          values,
          arena.allocate(JAVA_DOUBLE, works),
          integer(arena, works),
          arena.allocate(JAVA_INT, integers),
          integer(arena, integers),
          info);
      requireDone("dsyevd", info);
      MemorySegment.copy(a, JAVA_DOUBLE, 0, matrix, 0, matrix.length);
      return values.toArray(JAVA_DOUBLE);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable thrown) {
      throw OpenBlas.unexpected(thrown);
    }
  }

  /// Eigenvalues, smallest first, of a matrix of real and imaginary parts side by side; it is
  /// overwritten with the eigenvectors, one after another.
  static double[] hermitianEigen(double[] pairs, int n) {
    requireFinite(pairs);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocateFrom(JAVA_DOUBLE, pairs);
      MemorySegment values = arena.allocate(JAVA_DOUBLE, n);
      int works = 2 * n + n * n;
      int reals = 1 + 5 * n + 2 * n * n;
      int integers = 3 + 5 * n;
      MemorySegment info = arena.allocate(JAVA_INT);
      ZHEEVD.invokeExact(
          OpenBlas.letter(arena, 'V'),
          OpenBlas.letter(arena, 'U'),
          integer(arena, n),
          a,
          integer(arena, n),
          values,
          arena.allocate(JAVA_DOUBLE, 2L * works),
          integer(arena, works),
          arena.allocate(JAVA_DOUBLE, reals),
          integer(arena, reals),
          arena.allocate(JAVA_INT, integers),
          integer(arena, integers),
          info);
      requireDone("zheevd", info);
      MemorySegment.copy(a, JAVA_DOUBLE, 0, pairs, 0, pairs.length);
      return values.toArray(JAVA_DOUBLE);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable thrown) {
      throw OpenBlas.unexpected(thrown);
    }
  }

  /// Overwrites a positive definite matrix with its factor.
  static void choleskyFactor(double[] matrix, int n) {
    requireFinite(matrix);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocateFrom(JAVA_DOUBLE, matrix);
      MemorySegment info = arena.allocate(JAVA_INT);
      DPOTRF.invokeExact(
          OpenBlas.letter(arena, 'L'), integer(arena, n), a, integer(arena, n), info);
      if (info.get(JAVA_INT, 0) > 0) {
        throw new ArithmeticException(
            "the matrix is not positive definite: its leading block of %d rows is not"
                .formatted(info.get(JAVA_INT, 0)));
      }
      requireDone("dpotrf", info);
      MemorySegment.copy(a, JAVA_DOUBLE, 0, matrix, 0, matrix.length);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable thrown) {
      throw OpenBlas.unexpected(thrown);
    }
  }

  /// Overwrites right-hand sides, one after another, with their solutions.
  static void choleskySolve(double[] factor, int n, double[] columns, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment b = arena.allocateFrom(JAVA_DOUBLE, columns);
      MemorySegment info = arena.allocate(JAVA_INT);
      DPOTRS.invokeExact(
          OpenBlas.letter(arena, 'L'),
          integer(arena, n),
          integer(arena, count),
          arena.allocateFrom(JAVA_DOUBLE, factor),
          integer(arena, n),
          b,
          integer(arena, n),
          info);
      requireDone("dpotrs", info);
      MemorySegment.copy(b, JAVA_DOUBLE, 0, columns, 0, columns.length);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable thrown) {
      throw OpenBlas.unexpected(thrown);
    }
  }

  private static MemorySegment integer(Arena arena, int value) {
    return arena.allocateFrom(JAVA_INT, value);
  }

  private static void requireFinite(double[] elements) {
    for (double element : elements) {
      if (!Double.isFinite(element)) {
        throw new ArithmeticException("expected finite elements, found " + element);
      }
    }
  }

  private static void requireDone(String routine, MemorySegment info) {
    int code = info.get(JAVA_INT, 0);
    if (code != 0) {
      throw new ArithmeticException(routine + " did not converge: info " + code);
    }
  }
}
