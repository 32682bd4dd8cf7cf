package dev.regroup.formats.tensor;

/// The 8-bit floats of a file, each one format's decoding and encoding.
///
/// | format | dtype     | largest      | infinities | NaN codes            |
/// |--------|-----------|--------------|------------|----------------------|
/// | E4M3FN | `F8_E4M3` | 448 (0x7E)   | none       | 0x7F, 0xFF           |
/// | E5M2   | `F8_E5M2` | 57344 (0x7B) | 0x7C, 0xFC | 0x7D-0x7F, 0xFD-0xFF |
/// | E8M0   | `F8_E8M0` | 2^127 (0xFE) | none       | 0xFF                 |
///
/// Encoding rounds to nearest, ties to even, and saturates: what is larger than the largest finite
/// value, an infinity included, becomes that value, as NVIDIA's `cvt.satfinite` does. (PyTorch's
/// cast makes it NaN or an infinity instead.) E8M0 holds scales: powers of two.
///
/// Source: OCP 8-bit Floating Point Specification 1.0, section 5; OCP Microscaling Formats 1.0,
/// section 5.4.
public final class Float8 {
  private static final float[] E4M3 = table(4, 3, 7);
  private static final float[] E5M2 = table(5, 2, 15);

  static {
    E4M3[0x7f] = Float.NaN;
    E4M3[0xff] = Float.NaN;
    E5M2[0x7c] = Float.POSITIVE_INFINITY;
    E5M2[0xfc] = Float.NEGATIVE_INFINITY;
    for (int code = 0x7d; code <= 0x7f; code++) {
      E5M2[code] = Float.NaN;
      E5M2[code | 0x80] = Float.NaN;
    }
  }

  private Float8() {}

  /// The float32 of an E4M3FN code; exact.
  public static float decodeE4M3(byte code) {
    return E4M3[code & 0xff];
  }

  /// The float32 of an E5M2 code; exact.
  public static float decodeE5M2(byte code) {
    return E5M2[code & 0xff];
  }

  /// The power of two of an E8M0 code, 2^-127 to 2^127; exact.
  public static float decodeE8M0(byte code) {
    int exponent = code & 0xff;
    return exponent == 0xff ? Float.NaN : Math.scalb(1f, exponent - 127);
  }

  /// The nearest E4M3FN code, ties to even, at most 448 in magnitude; NaN becomes 0x7F or 0xFF.
  public static byte encodeE4M3(float value) {
    return encode(value, 3, 7, 0x7e);
  }

  /// The nearest E5M2 code, ties to even, at most 57344 in magnitude; NaN becomes 0x7F or 0xFF.
  public static byte encodeE5M2(float value) {
    return encode(value, 2, 15, 0x7b);
  }

  /// The E8M0 code of the smallest power of two that is not below a value, at most 2^127; NaN, and what
  /// is not positive, becomes 0xFF.
  public static byte encodeE8M0(float value) {
    if (!(value > 0)) {
      return (byte) 0xff;
    }
    int exponent = Math.getExponent(value);
    boolean exact =
        exponent >= Float.MIN_EXPONENT && (Float.floatToRawIntBits(value) & 0x7fffff) == 0;
    if (exponent < Float.MIN_EXPONENT) {
      // subnormal: 2^-127 is the smallest code, and the only power above it here is 2^-126
      return (byte) (value <= 0x1p-127f ? 0 : 1);
    }
    return (byte) Math.min(exponent + (exact ? 127 : 128), 0xfe);
  }

  private static float[] table(int exponentBits, int mantissaBits, int bias) {
    float[] values = new float[256];
    for (int code = 0; code < 128; code++) {
      int exponent = code >>> mantissaBits & ((1 << exponentBits) - 1);
      int mantissa = code & ((1 << mantissaBits) - 1);
      int significand = exponent == 0 ? mantissa : mantissa + (1 << mantissaBits);
      values[code] = Math.scalb((float) significand, Math.max(exponent, 1) - bias - mantissaBits);
      values[code | 0x80] = -values[code];
    }
    return values;
  }

  private static byte encode(float value, int mantissaBits, int bias, int largest) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 24 & 0x80;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (byte) (sign | 0x7f);
    }
    int dropped = 23 - mantissaBits;
    int code;
    if (magnitude < (128 - bias) << 23) {
      // Below the smallest normal, adding a power of two makes the float unit round at our step.
      int magic = (127 + 1 - bias + dropped) << 23;
      float shifted = Float.intBitsToFloat(magnitude) + Float.intBitsToFloat(magic);
      code = Float.floatToRawIntBits(shifted) - magic;
    } else {
      int roundToEven = (1 << (dropped - 1)) - 1 + (magnitude >>> dropped & 1);
      code = (int) Math.min((magnitude + ((bias - 127L) << 23) + roundToEven) >>> dropped, largest);
    }
    return (byte) (sign | code);
  }
}
