package dev.regroup.runtime.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.regroup.runtime.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;

/// The functions of cuBLAS 12 or 13 that we call, each under its C prototype, where a library is
/// installed: on the loader's path (`LD_LIBRARY_PATH`), or with a CUDA toolkit under `/usr/local/cuda`.
final class Cublas {
  private static final List<String> NAMES =
      List.of(
          "libcublas.so.13",
          "libcublas.so.12",
          "/usr/local/cuda/lib64/libcublas.so.13",
          "/usr/local/cuda/lib64/libcublas.so.12");

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Optional<Cublas> FOUND = load();

  private final MethodHandle create;
  private final MethodHandle destroy;
  private final MethodHandle setStream;
  private final MethodHandle setWorkspace;
  private final MethodHandle getVersion;
  private final MethodHandle gemm;

  private Cublas(SymbolLookup library) {
    // cublasStatus_t cublasCreate_v2(cublasHandle_t *handle)
    create = handle(library, "cublasCreate_v2", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    destroy = handle(library, "cublasDestroy_v2", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    setStream =
        handle(library, "cublasSetStream_v2", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    // cublasSetWorkspace_v2(handle, void *workspace, size_t bytes)
    setWorkspace =
        handle(
            library,
            "cublasSetWorkspace_v2",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG));
    getVersion =
        handle(library, "cublasGetVersion_v2", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    // (handle, transa, transb, m, n, k, *alpha, *A, Atype, lda, strideA, *B, Btype, ldb, strideB,
    // *beta, *C, Ctype, ldc, strideC, batchCount, computeType, algo)
    gemm =
        handle(
            library,
            "cublasGemmStridedBatchedEx",
            FunctionDescriptor.of(
                JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS,
                ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG,
                ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT));
  }

  /// The library, or nothing where none is installed.
  static Optional<Cublas> find() {
    return FOUND;
  }

  private static Optional<Cublas> load() {
    return NAMES.stream().map(Cublas::open).flatMap(Optional::stream).findFirst();
  }

  private static Optional<Cublas> open(String name) {
    try {
      return Optional.of(new Cublas(SymbolLookup.libraryLookup(name, Arena.global())));
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // not here
    }
  }

  private static MethodHandle handle(
      SymbolLookup library, String name, FunctionDescriptor prototype) {
    return LINKER.downcallHandle(
        library
            .find(name)
            .orElseThrow(() -> new IllegalArgumentException(name + " is not in the library")),
        prototype);
  }

  /// A new handle for the calling thread's context.
  MemorySegment create() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle = arena.allocate(ADDRESS);
      check((int) create.invokeExact(handle), "cublasCreate");
      return handle.get(ADDRESS, 0);
    } catch (Throwable thrown) {
      throw failed(thrown);
    }
  }

  void destroy(MemorySegment handle) {
    try {
      int ignored = (int) destroy.invokeExact(handle);
    } catch (Throwable thrown) {
      throw failed(thrown);
    }
  }

  /// As in `13.0`.
  String version(MemorySegment handle) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment version = arena.allocate(JAVA_INT);
      check((int) getVersion.invokeExact(handle, version), "cublasGetVersion");
      int number = version.get(JAVA_INT, 0);
      return number / 10000 + "." + number % 10000 / 100;
    } catch (Throwable thrown) {
      throw failed(thrown);
    }
  }

  /// @param stream the driver's handle
  void use(MemorySegment handle, MemorySegment stream, CudaBuffer workspace) {
    try {
      check((int) setStream.invokeExact(handle, stream), "cublasSetStream");
      check(
          (int)
              setWorkspace.invokeExact(
                  handle, MemorySegment.ofAddress(workspace.address()), workspace.bytes()),
          "cublasSetWorkspace");
    } catch (Throwable thrown) {
      throw failed(thrown);
    }
  }

  MethodHandle gemm() {
    return gemm;
  }

  static void check(int status, String call) {
    if (status != 0) {
      throw new DeviceException(
          "cuda: %s: expected success, found status %d -> run again with --device cpu, and report it"
              .formatted(call, status));
    }
  }

  static RuntimeException failed(Throwable thrown) {
    return thrown instanceof DeviceException e
        ? e
        : new DeviceException("cuda: a call of cuBLAS failed: " + thrown.getMessage(), thrown);
  }
}
