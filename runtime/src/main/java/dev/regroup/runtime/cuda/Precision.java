package dev.regroup.runtime.cuda;

/// In what activations and weights are held on the device.
public enum Precision {
  /// As accurate as the CPU: float32 everywhere, no rounding of inputs to fewer bits.
  FLOAT32(4, "f32"),
  /// For throughput: BF16 activations and weights, float32 sums and residual stream.
  BFLOAT16(2, "bf16");

  private final int bytes;
  private final String suffix;

  Precision(int bytes, String suffix) {
    this.bytes = bytes;
    this.suffix = suffix;
  }

  /// Bytes of an element.
  public int bytes() {
    return bytes;
  }

  /// What the names of its kernels end in.
  public String suffix() {
    return suffix;
  }
}
