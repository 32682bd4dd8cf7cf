package dev.regroup.formats.tensor;

/// F16: IEEE 754 binary16.
public final class Float16 {
  private Float16() {}

  /// The float32 of a code; exact.
  public static float decode(short code) {
    return Float.float16ToFloat(code);
  }

  /// The nearest code, ties to even; from 65520 on it is an infinity. A NaN stays a NaN.
  public static short encode(float value) {
    return Float.floatToFloat16(value);
  }
}
