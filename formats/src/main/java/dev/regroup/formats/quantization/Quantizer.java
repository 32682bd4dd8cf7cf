package dev.regroup.formats.quantization;

import dev.regroup.formats.tensor.BFloat16;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Float16;
import dev.regroup.formats.tensor.Float8;

/// Quantises weights: for each block the scale is its largest magnitude over the largest code, and a code
/// is the nearest to value over scale.
///
/// | scale | value |
/// |---|---|
/// | of a block of zeros | 1 |
/// | powers of two | 2^⌈log2(amax / largest)⌉ |
/// | others | amax / largest in float32, rounded to the scale's dtype |
///
/// Dividing by the scale, not multiplying by its reciprocal, is what DeepSeek's kernel does; and it gives
/// back codes and scales of a weight that was quantised so, bit for bit.
public final class Quantizer {
  private static final float SMALLEST_F16 = 0x1p-24f;

  private Quantizer() {}

  /// A quantised weight.
  ///
  /// @param codes value over scale, not yet rounded to codes: {@link
  ///     dev.regroup.formats.tensor.TensorCodec#encode} does that and saturates
  /// @param scales row-major, each a value of the scale's dtype
  public record Quantized(float[] codes, float[] scales) {}

  /// Quantises a weight.
  ///
  /// @param target what is to be written: dtypes, shape, grain
  /// @param values of the whole weight, row-major, finite; not changed
  public static Quantized quantize(ScaledWeight target, float[] values) {
    Blocks blocks = Blocks.of(target);
    float[] scales = new float[blocks.count()];
    blocks.forEachRun(
        (block, from, to) -> {
          for (int at = from; at < to; at++) {
            scales[block] = Math.max(scales[block], Math.abs(values[at]));
          }
        });
    for (int i = 0; i < scales.length; i++) {
      scales[i] = scale(target, scales[i]);
    }
    float[] codes = new float[values.length];
    blocks.forEachRun(
        (block, from, to) -> {
          for (int at = from; at < to; at++) {
            codes[at] = values[at] / scales[block];
          }
        });
    return new Quantized(codes, scales);
  }

  /// Turns a weight's codes into values, in place.
  ///
  /// @param codes of the whole weight, decoded, row-major
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where a scale is not sound
  public static void dequantize(ScaledWeight weight, float[] codes, float[] scales) {
    new Scales(weight, scales).apply(codes);
  }

  /// How far a weight is from what its quantised form reads as: the size of the difference over the
  /// size of the weight, both as root sums of squares; 0 for a weight of zeros.
  ///
  /// @param values what was quantised
  public static double error(ScaledWeight target, Quantized quantized, float[] values) {
    boolean wide = target.weight().dtype() == Dtype.F8_E5M2;
    double[] sums = new double[2];
    Blocks.of(target)
        .forEachRun(
            (block, from, to) -> {
              float scale = quantized.scales()[block];
              for (int at = from; at < to; at++) {
                double lost = (double) values[at] - rounded(quantized.codes()[at], wide) * scale;
                sums[0] += lost * lost;
                sums[1] += (double) values[at] * values[at];
              }
            });
    return sums[1] == 0 ? 0 : Math.sqrt(sums[0] / sums[1]);
  }

  private static float rounded(float code, boolean wide) {
    return wide
        ? Float8.decodeE5M2(Float8.encodeE5M2(code))
        : Float8.decodeE4M3(Float8.encodeE4M3(code));
  }

  /// The scale of a block whose largest magnitude is `most`.
  private static float scale(ScaledWeight target, float most) {
    if (most == 0) {
      return 1;
    }
    float scale = most / largest(target.weight().dtype());
    if (target.powersOfTwo()) {
      int exponent = Math.getExponent(scale);
      float power = Math.scalb(1f, exponent);
      return power < scale ? Math.scalb(1f, exponent + 1) : power;
    }
    return Math.max(rounded(scale, target.scale().dtype()), Float.MIN_NORMAL);
  }

  private static float rounded(float scale, Dtype dtype) {
    return switch (dtype) {
      case F32 -> scale;
      case BF16 -> BFloat16.round(scale);
      case F16 -> Math.max(Float16.decode(Float16.encode(scale)), SMALLEST_F16);
      case F64, F8_E8M0, F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 ->
          throw new IllegalArgumentException("scales are not rounded to " + dtype);
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL ->
          throw new IllegalArgumentException("scales are not rounded to " + dtype);
    };
  }

  private static float largest(Dtype dtype) {
    return dtype == Dtype.F8_E5M2 ? 57344 : 448;
  }
}
