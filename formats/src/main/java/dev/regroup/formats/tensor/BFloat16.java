package dev.regroup.formats.tensor;

/// BF16: the upper half of a float32. Every code decodes to the float that encodes to it again.
public final class BFloat16 {
  private static final int QUIET = 0x40;
  private static final int MANTISSA = 0x7f;

  private BFloat16() {}

  /// The float32 of a code; exact.
  public static float decode(short code) {
    return Float.intBitsToFloat(code << 16);
  }

  /// The nearest code, ties to even; beyond the largest finite value it is an infinity. A NaN stays
  /// a NaN of the same sign.
  public static short encode(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      int code = bits >>> 16;
      // A payload that lies wholly in the lower half would leave the bits of an infinity.
      return (short) ((code & MANTISSA) == 0 ? code | QUIET : code);
    }
    int roundToEven = 0x7fff + ((bits >>> 16) & 1);
    return (short) ((bits + roundToEven) >>> 16);
  }

  /// The nearest value that BF16 can hold.
  public static float round(float value) {
    return decode(encode(value));
  }
}
