package dev.regroup.runtime.cuda;

import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// {@link Gemm} by `gemm.cu`.
final class KernelGemm implements Gemm {
  private static final int STAGE = 64;

  private final CudaContext context;
  private final int multiprocessors;

  KernelGemm(CudaContext context) {
    this.context = context;
    multiprocessors = context.device().multiprocessors();
  }

  /// A kernel and the tile of C that one of its blocks makes.
  private record Variant(String name, int rows, int columns, int threads, int sharedBytes) {
    /// @param stages buffers of 32 columns of A and B
    static Variant tensor(String name, int rows, int columns, int threads, int stages) {
      return new Variant(name, rows, columns, threads, (rows + columns) * STAGE * stages);
    }
  }

  @Override
  public String describe() {
    return "own kernels";
  }

  @Override
  public void multiply(CudaStream stream, Product product) {
    Sizes sizes = product.sizes();
    if (sizes.rows() == 0 || sizes.columns() == 0) {
      return;
    }
    Variant variant = choose(product);
    CudaKernel kernel = context.module("gemm").kernel(variant.name());
    if (variant.sharedBytes() > 48 << 10) {
      kernel.allowShared(variant.sharedBytes());
    }
    var grid =
        new Extent(
            Math.ceilDiv(sizes.columns(), variant.columns()),
            Math.ceilDiv(sizes.rows(), variant.rows()),
            sizes.count());
    kernel.launch(
        stream,
        new Launch(grid, Extent.of(variant.threads()), variant.sharedBytes()),
        (Object) arguments(product));
  }

  private Variant choose(Product product) {
    String form = product.plain() ? "nn" : "nt";
    if (product.type() == Precision.FLOAT32) {
      return new Variant("gemm_f32_" + form, 128, 128, 256, 0);
    }
    if (!aligned(product)) {
      return new Variant("gemm_bf16_any_" + form, 128, 128, 256, 0);
    }
    Sizes sizes = product.sizes();
    if (product.plain()) {
      return Variant.tensor("gemm_bf16_nn", 128, 128, 256, 4);
    }
    if (sizes.rows() <= 32) {
      return Variant.tensor("gemm_bf16_nt_small", 16, 64, 128, 6);
    }
    long large =
        (long) Math.ceilDiv(sizes.rows(), 128) * Math.ceilDiv(sizes.columns(), 256) * sizes.count();
    return large >= multiprocessors
        ? Variant.tensor("gemm_bf16_nt", 128, 256, 256, 4)
        : Variant.tensor("gemm_bf16_nt_medium", 128, 128, 256, 4);
  }

  private static boolean aligned(Product product) {
    return product.sizes().inner() % 8 == 0
        && aligned(product.a())
        && aligned(product.b())
        && (!product.plain() || product.sizes().columns() % 8 == 0);
  }

  private static boolean aligned(Operand operand) {
    return operand.address() % 16 == 0 && operand.stride() % 8 == 0 && operand.step() % 8 == 0;
  }

  private static byte[] arguments(Product product) {
    return ByteBuffer.allocate(80)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(product.a().address())
        .putLong(product.b().address())
        .putLong(product.c().address())
        .putLong(product.a().step())
        .putLong(product.b().step())
        .putLong(product.c().step())
        .putInt(product.sizes().rows())
        .putInt(product.sizes().columns())
        .putInt(product.sizes().inner())
        .putInt(product.a().stride())
        .putInt(product.b().stride())
        .putInt(product.c().stride())
        .putInt(product.add() ? 1 : 0)
        .putInt(product.outputType() == Precision.FLOAT32 ? 1 : 0)
        .array();
  }

  @Override
  public void close() {}
}
