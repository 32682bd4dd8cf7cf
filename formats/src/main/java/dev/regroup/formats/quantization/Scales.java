package dev.regroup.formats.quantization;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;

/// Multiplies codes by their scales, in place: float32 times float32, rounded once, as every reader does.
final class Scales {
  /// Mean magnitudes beyond this are no weights: scales that were stored the other way round.
  private static final double IMPLAUSIBLE = 1e3;

  /// One run in so many is looked at for plausibility.
  private static final int SAMPLED = 61;

  private final ScaledWeight weight;
  private final float[] scales;
  private double sum;
  private long seen;

  /// Scales of one weight.
  ///
  /// @throws CheckpointException where one is negative, or not finite
  Scales(ScaledWeight weight, float[] scales) {
    this.weight = weight;
    this.scales = scales;
    for (int i = 0; i < scales.length; i++) {
      if (!(scales[i] >= 0) || Float.isInfinite(scales[i])) {
        throw new CheckpointException(
            "tensor %s: expected positive scales, found %s at element %d -> download the model again"
                .formatted(Quoted.of(weight.scale().name()), scales[i], i));
      }
    }
  }

  /// Turns codes' values into the weight's.
  ///
  /// @param values of the whole weight, row-major
  /// @throws CheckpointException where a scale is 0 and its codes are not, or values are implausible
  void apply(float[] values) {
    sum = 0;
    seen = 0;
    Blocks.of(weight).forEachRun((block, from, to) -> apply(values, block, from, to));
    if (seen > 0 && sum / seen > IMPLAUSIBLE && Double.isFinite(sum)) {
      throw new CheckpointException(
          "tensor %s: expected weights near 1 or below, found %.3g on average -> its scales may be"
                  .formatted(Quoted.of(weight.weight().name()), sum / seen)
              + " stored inverted");
    }
  }

  private void apply(float[] values, int block, int from, int to) {
    float scale = scales[block];
    if (scale == 0) {
      requireZeros(values, block, from, to);
    }
    for (int i = from; i < to; i++) {
      values[i] *= scale;
    }
    if (from / Math.max(1, to - from) % SAMPLED == 0) {
      for (int i = from; i < to; i++) {
        sum += Math.abs(values[i]);
      }
      seen += to - from;
    }
  }

  private void requireZeros(float[] values, int block, int from, int to) {
    for (int i = from; i < to; i++) {
      if (values[i] != 0) {
        throw new CheckpointException(
            "tensor %s: expected positive scales, found 0 at element %d, whose codes are not all 0"
                .formatted(Quoted.of(weight.scale().name()), block));
      }
    }
  }
}
