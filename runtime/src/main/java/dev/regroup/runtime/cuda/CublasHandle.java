package dev.regroup.runtime.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// cuBLAS on one device, with a workspace of its own. A stream's products come in the order in which
/// they were given, from whatever thread.
final class CublasHandle implements AutoCloseable {
  private static final int PLAIN = 0;
  private static final int TRANSPOSED = 1;
  private static final int REAL_32 = 0;
  private static final int BFLOAT_16 = 14;
  private static final int DEFAULT_ALGORITHM = -1;
  private static final long WORKSPACE_BYTES = 64L << 20;

  private final Cublas library;
  private final CudaContext context;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment alpha = arena.allocate(JAVA_FLOAT);
  private final MemorySegment beta = arena.allocate(JAVA_FLOAT);
  private final MemorySegment handle;
  private final CudaBuffer workspace;
  private @Nullable CudaStream current;

  CublasHandle(CudaContext context, Cublas library) {
    this.context = context;
    this.library = library;
    context.use();
    handle = library.create();
    workspace = context.allocate(WORKSPACE_BYTES);
  }

  /// How factors are held and multiplied; sums are float32's always.
  enum Mode {
    /// Float32's products.
    FLOAT32(REAL_32, 68),
    /// Float32 factors, of which products see the first eleven bits.
    TF32(REAL_32, 77),
    BFLOAT16(BFLOAT_16, 68);

    private final int type;
    private final int compute;

    Mode(int type, int compute) {
      this.type = type;
      this.compute = compute;
    }

    /// Bytes of a factor's element.
    int bytes() {
      return type == REAL_32 ? Float.BYTES : Short.BYTES;
    }
  }

  /// Where a call's matrices begin to count; addresses on the device.
  ///
  /// @param output of the result
  record Bases(long first, long second, long result, Precision output) {}

  /// `result = alpha · op(first) · op(second) + beta · result`.
  synchronized void multiply(
      CudaStream stream, ColumnMajor call, Bases bases, Mode mode, float alpha, float beta) {
    context.use();
    if (current != stream) {
      library.use(handle, MemorySegment.ofAddress(stream.address()), workspace);
      current = stream;
    }
    this.alpha.set(JAVA_FLOAT, 0, alpha);
    this.beta.set(JAVA_FLOAT, 0, beta);
    try {
      int status =
          (int)
              library
                  .gemm()
                  .invokeExact(
                      handle,
                      call.transposeFirst() ? TRANSPOSED : PLAIN,
                      call.transposeSecond() ? TRANSPOSED : PLAIN,
                      call.rows(),
                      call.columns(),
                      call.depth(),
                      this.alpha,
                      at(bases.first(), call.first(), mode.bytes()),
                      mode.type,
                      call.first().leading(),
                      call.first().step(),
                      at(bases.second(), call.second(), mode.bytes()),
                      mode.type,
                      call.second().leading(),
                      call.second().step(),
                      this.beta,
                      at(bases.result(), call.result(), bases.output().bytes()),
                      bases.output() == Precision.FLOAT32 ? REAL_32 : BFLOAT_16,
                      call.result().leading(),
                      call.result().step(),
                      call.count(),
                      mode.compute,
                      DEFAULT_ALGORITHM);
      Cublas.check(status, "cublasGemmStridedBatchedEx " + call);
    } catch (Throwable thrown) {
      throw Cublas.failed(thrown);
    }
  }

  private static MemorySegment at(long base, ColumnMajor.Operand operand, int bytes) {
    return MemorySegment.ofAddress(base + bytes * operand.at());
  }

  String describe() {
    return "cuBLAS " + library.version(handle);
  }

  @Override
  public void close() {
    context.use();
    library.destroy(handle);
    workspace.close();
    arena.close();
  }
}
