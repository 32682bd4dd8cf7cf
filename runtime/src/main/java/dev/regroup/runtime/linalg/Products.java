package dev.regroup.runtime.linalg;

/// Matrix products. {@link ScalarProducts} is the definition, {@link OpenBlasProducts} its fast
/// twin.
///
/// Implementations use one thread a call, so that no result depends on the number of cores, and may
/// be called by several threads.
public interface Products {
  /// `C = scale · form(A, B) + keep · C`, sums of float32 products.
  ///
  /// @param keep 0 overwrites C, whatever it held; 1 adds to it
  void multiply(Form form, double scale, FloatBlock a, FloatBlock b, double keep, FloatBlock c);

  /// `C = scale · form(A, B) + keep · C` in float64.
  ///
  /// @param keep 0 overwrites C, whatever it held; 1 adds to it
  void multiply(Form form, double scale, DoubleBlock a, DoubleBlock b, double keep, DoubleBlock c);

  /// `C = form(A, A)` in float64, for half of the work: exactly symmetric.
  ///
  /// @param form {@link Form#LEFT_TRANSPOSED} or {@link Form#RIGHT_TRANSPOSED}
  void square(Form form, DoubleBlock a, DoubleBlock c);

  /// The same with sums of float32 products.
  ///
  /// @param form {@link Form#LEFT_TRANSPOSED} or {@link Form#RIGHT_TRANSPOSED}
  void square(Form form, FloatBlock a, FloatBlock c);

  /// The fastest there is; loads OpenBLAS at its first call.
  static Products fast() {
    return OpenBlasProducts.INSTANCE;
  }
}
