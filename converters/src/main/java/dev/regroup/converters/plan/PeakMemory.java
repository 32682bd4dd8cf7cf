package dev.regroup.converters.plan;

import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Shape;
import java.util.Map;

/// How much heap a conversion takes: one layer at a time, whatever the number of layers.
final class PeakMemory {
  private static final long RUNTIME = 256L << 20;
  private static final int CALIBRATION_TOKENS = 131_072;

  /// Streams of source and target, and what the source's attention adds.
  private static final int STREAMS = 3;

  /// What a fit holds of each weight, float32: the best so far, gradients of several windows and their
  /// sum, two moments, and room to turn them.
  private static final int FIT_COPIES = 14;

  private PeakMemory() {}

  /// An upper estimate in bytes: the largest layer in float32 before and after, its experts
  /// included, its attention once more in float64 and as often as a fit holds it, and the residual streams of source and target over the calibration tokens.
  static long estimate(ModelSpec source, ModelSpec target) {
    long largest = 0;
    for (int i = 0; i < source.layers().size(); i++) {
      LayerSpec before = source.layers().get(i);
      LayerSpec after = target.layers().get(i);
      long attention =
          elements(before.attention().tensors(source.hiddenSize()))
              + elements(after.attention().tensors(source.hiddenSize()));
      long layer =
          4 * (attention + elements(before.feedForward().tensors(source.hiddenSize())))
              + 8 * attention
              + 4L * FIT_COPIES * elements(after.attention().tensors(source.hiddenSize()));
      largest = Math.max(largest, layer);
    }
    long streams = (long) STREAMS * CALIBRATION_TOKENS * source.hiddenSize() * 4;
    return RUNTIME + largest + streams;
  }

  private static long elements(Map<?, Shape> tensors) {
    return tensors.values().stream().mapToLong(Shape::elements).sum();
  }
}
