package dev.regroup.runtime.linalg;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/// The functions of OpenBLAS and LAPACK that we call, each under its C or Fortran prototype.
///
/// Loaded when first used, and pinned to one thread: results must not depend on the number of
/// cores. The library is the one that `org.bytedeco:openblas` ships; see {@link NativeLibrary}.
final class OpenBlas {
  private static final int ROW_MAJOR = 101;
  private static final int PLAIN = 111;
  private static final int TRANSPOSED = 112;
  private static final int UPPER = 121;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup LIBRARY = load();

  // void cblas_?gemm(order, transA, transB, m, n, k, alpha, *a, lda, *b, ldb, beta, *c, ldc)
  private static final MethodHandle SGEMM = product("cblas_sgemm", JAVA_FLOAT);
  private static final MethodHandle DGEMM = product("cblas_dgemm", JAVA_DOUBLE);

  // void cblas_?syrk(order, uplo, trans, n, k, alpha, *a, lda, beta, *c, ldc)
  private static final MethodHandle SSYRK = square("cblas_ssyrk", JAVA_FLOAT);
  private static final MethodHandle DSYRK = square("cblas_dsyrk", JAVA_DOUBLE);

  private OpenBlas() {}

  /// Extents of a product: `[rows, inner] · [inner, columns]`.
  record Sizes(int rows, int columns, int inner) {}

  /// Where a factor begins, and elements from one of its rows to the next.
  record Operand(MemorySegment at, int stride) {}

  static void floatProduct(
      Form form, Sizes sizes, double scale, Operand a, Operand b, double keep, Operand c) {
    try {
      SGEMM.invokeExact(
          ROW_MAJOR,
          form == Form.LEFT_TRANSPOSED ? TRANSPOSED : PLAIN,
          form == Form.RIGHT_TRANSPOSED ? TRANSPOSED : PLAIN,
          sizes.rows(),
          sizes.columns(),
          sizes.inner(),
          (float) scale,
          a.at(),
          Math.max(1, a.stride()),
          b.at(),
          Math.max(1, b.stride()),
          (float) keep,
          c.at(),
          c.stride());
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static void doubleProduct(
      Form form, Sizes sizes, double scale, Operand a, Operand b, double keep, Operand c) {
    try {
      DGEMM.invokeExact(
          ROW_MAJOR,
          form == Form.LEFT_TRANSPOSED ? TRANSPOSED : PLAIN,
          form == Form.RIGHT_TRANSPOSED ? TRANSPOSED : PLAIN,
          sizes.rows(),
          sizes.columns(),
          sizes.inner(),
          scale,
          a.at(),
          Math.max(1, a.stride()),
          b.at(),
          Math.max(1, b.stride()),
          keep,
          c.at(),
          c.stride());
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  /// The elements of a product of a matrix with itself on the diagonal and right of it.
  static void upperSquare(Form form, Sizes sizes, Operand a, Operand c) {
    try {
      DSYRK.invokeExact(
          ROW_MAJOR,
          UPPER,
          form == Form.LEFT_TRANSPOSED ? TRANSPOSED : PLAIN,
          sizes.rows(),
          sizes.inner(),
          1.0,
          a.at(),
          Math.max(1, a.stride()),
          0.0,
          c.at(),
          c.stride());
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  /// The same in float32.
  static void upperFloatSquare(Form form, Sizes sizes, Operand a, Operand c) {
    try {
      SSYRK.invokeExact(
          ROW_MAJOR,
          UPPER,
          form == Form.LEFT_TRANSPOSED ? TRANSPOSED : PLAIN,
          sizes.rows(),
          sizes.inner(),
          1.0f,
          a.at(),
          Math.max(1, a.stride()),
          0.0f,
          c.at(),
          c.stride());
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  /// A function of the library, called without {@link Linker.Option#critical}: a decomposition
  /// takes seconds, and the collector must not wait for it.
  static MethodHandle routine(String name, FunctionDescriptor prototype) {
    return LINKER.downcallHandle(symbol(name), prototype);
  }

  static AssertionError unexpected(Throwable thrown) {
    return new AssertionError("a call of OpenBLAS failed: " + thrown.getMessage(), thrown);
  }

  private static MethodHandle product(String name, MemoryLayout real) {
    return LINKER.downcallHandle(
        symbol(name),
        FunctionDescriptor.ofVoid(
            JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT,
            ADDRESS, JAVA_INT, real, ADDRESS, JAVA_INT),
        Linker.Option.critical(true));
  }

  private static MethodHandle square(String name, MemoryLayout real) {
    return LINKER.downcallHandle(
        symbol(name),
        FunctionDescriptor.ofVoid(
            JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT, real,
            ADDRESS, JAVA_INT),
        Linker.Option.critical(true));
  }

  private static SymbolLookup load() {
    SymbolLookup library = NativeLibrary.openBlas(Arena.global());
    MethodHandle pin =
        LINKER.downcallHandle(
            library.findOrThrow("openblas_set_num_threads"), FunctionDescriptor.ofVoid(JAVA_INT));
    try {
      pin.invokeExact(1);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
    return library;
  }

  private static MemorySegment symbol(String name) {
    return LIBRARY.findOrThrow(name);
  }
}
