package dev.regroup.runtime.cuda;

/// {@link Gemm} by cuBLAS. Float32 products are float32's (no TF32).
final class CublasGemm implements Gemm {
  private final CublasHandle handle;

  CublasGemm(CudaContext context, Cublas library) {
    handle = new CublasHandle(context, library);
  }

  @Override
  public String describe() {
    return handle.describe();
  }

  /// Row-major C is column-major Cᵀ = B · Aᵀ: the factors change places.
  @Override
  public void multiply(CudaStream stream, Product product) {
    Sizes sizes = product.sizes();
    if (sizes.rows() == 0 || sizes.columns() == 0) {
      return;
    }
    var call =
        new ColumnMajor(
            !product.plain(),
            false,
            /* rows= */ sizes.columns(),
            /* columns= */ sizes.rows(),
            sizes.inner(),
            sizes.count(),
            operand(product.b()),
            operand(product.a()),
            operand(product.c()));
    var bases =
        new CublasHandle.Bases(
            product.b().address(),
            product.a().address(),
            product.c().address(),
            product.outputType());
    var mode =
        product.type() == Precision.FLOAT32
            ? CublasHandle.Mode.FLOAT32
            : CublasHandle.Mode.BFLOAT16;
    handle.multiply(stream, call, bases, mode, 1, product.add() ? 1 : 0);
  }

  private static ColumnMajor.Operand operand(Operand operand) {
    return new ColumnMajor.Operand(0, operand.stride(), operand.step());
  }

  @Override
  public void close() {
    handle.close();
  }
}
