package dev.regroup.runtime.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// {@link Gemm} by cuBLAS. Float32 products are float32's (no TF32); a stream's products come in the
/// order in which they were given, from whatever thread.
final class CublasGemm implements Gemm {
  private static final int PLAIN = 0;
  private static final int TRANSPOSED = 1;
  private static final int REAL_32 = 0;
  private static final int BFLOAT_16 = 14;
  private static final int COMPUTE_32 = 68;
  private static final int DEFAULT_ALGORITHM = -1;
  private static final long WORKSPACE_BYTES = 64L << 20;

  private final Cublas library;
  private final CudaContext context;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment one = arena.allocateFrom(JAVA_FLOAT, 1f);
  private final MemorySegment zero = arena.allocateFrom(JAVA_FLOAT, 0f);
  private final MemorySegment handle;
  private final CudaBuffer workspace;
  private @Nullable CudaStream current;

  CublasGemm(CudaContext context, Cublas library) {
    this.context = context;
    this.library = library;
    context.use();
    handle = library.create();
    workspace = context.allocate(WORKSPACE_BYTES);
  }

  @Override
  public String describe() {
    return "cuBLAS " + library.version(handle);
  }

  /// Row-major C is column-major Cᵀ = B · Aᵀ: the factors change places.
  @Override
  public synchronized void multiply(CudaStream stream, Product product) {
    Sizes sizes = product.sizes();
    if (sizes.rows() == 0 || sizes.columns() == 0) {
      return;
    }
    context.use();
    if (current != stream) {
      library.use(handle, MemorySegment.ofAddress(stream.address()), workspace);
      current = stream;
    }
    int type = type(product.type());
    MemorySegment keep = product.add() ? one : zero; // its type must be exact below
    try {
      int status =
          (int)
              library
                  .gemm()
                  .invokeExact(
                      handle,
                      product.plain() ? PLAIN : TRANSPOSED,
                      PLAIN,
                      sizes.columns(),
                      sizes.rows(),
                      sizes.inner(),
                      one,
                      at(product.b()),
                      type,
                      product.b().stride(),
                      product.b().step(),
                      at(product.a()),
                      type,
                      product.a().stride(),
                      product.a().step(),
                      keep,
                      at(product.c()),
                      type(product.outputType()),
                      product.c().stride(),
                      product.c().step(),
                      sizes.count(),
                      COMPUTE_32,
                      DEFAULT_ALGORITHM);
      Cublas.check(status, "cublasGemmStridedBatchedEx " + sizes);
    } catch (Throwable thrown) {
      throw Cublas.failed(thrown);
    }
  }

  private static MemorySegment at(Operand operand) {
    return MemorySegment.ofAddress(operand.address());
  }

  private static int type(Precision precision) {
    return precision == Precision.FLOAT32 ? REAL_32 : BFLOAT_16;
  }

  @Override
  public void close() {
    context.use();
    library.destroy(handle);
    workspace.close();
    arena.close();
  }
}
