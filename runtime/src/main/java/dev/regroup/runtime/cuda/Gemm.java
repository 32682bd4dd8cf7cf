package dev.regroup.runtime.cuda;

/// Matrix products on the device: cuBLAS's where it is installed, else our own. One contract test
/// holds both.
public sealed interface Gemm extends AutoCloseable permits CublasGemm, KernelGemm {
  /// Starts a product.
  void multiply(CudaStream stream, Product product);

  /// What computes, such as `cuBLAS 13.0`.
  String describe();

  @Override
  void close();

  /// A factor of one product or many.
  ///
  /// @param stride elements from one row to the next
  /// @param step elements from one product's to the next product's
  record Operand(long address, int stride, long step) {
    /// Of a single product.
    static Operand of(DeviceBlock block) {
      return new Operand(block.address(), block.stride(), 0);
    }
  }

  /// `C = A · Bᵀ` or `A · B`, plus C where it is added to; sums in float32.
  ///
  /// @param type of A and B
  /// @param outputType of C: float32, or that of A and B
  /// @param plain whether B is `[inner, columns]`, else `[columns, inner]`
  /// @param add whether C is added to, else overwritten
  record Product(
      Precision type,
      Precision outputType,
      boolean plain,
      boolean add,
      Sizes sizes,
      Operand a,
      Operand b,
      Operand c) {}

  /// Extents of products: `count` times `[rows, inner]` and `[inner, columns]`.
  record Sizes(int count, int rows, int columns, int inner) {}

  /// The best that this machine has.
  static Gemm best(CudaContext context) {
    return Cublas.find()
        .<Gemm>map(library -> new CublasGemm(context, library))
        .orElseGet(() -> own(context));
  }

  /// Our own kernels.
  static Gemm own(CudaContext context) {
    return new KernelGemm(context);
  }
}
