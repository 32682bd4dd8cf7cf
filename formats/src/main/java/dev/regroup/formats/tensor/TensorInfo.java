package dev.regroup.formats.tensor;

/// What a header says of a tensor.
public record TensorInfo(String name, Dtype dtype, Shape shape) {
  /// The bytes its elements take in a file.
  ///
  /// @throws ArithmeticException where that does not fit 64 bits
  public long bytes() {
    return Math.unsignedMultiplyExact(shape.elements(), (long) dtype.bits()) >>> 3;
  }
}
