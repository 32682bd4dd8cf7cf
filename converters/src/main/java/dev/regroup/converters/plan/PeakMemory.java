package dev.regroup.converters.plan;

import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Shape;
import java.util.Map;

/// How much heap a conversion takes: one layer at a time, whatever the number of layers.
final class PeakMemory {
  private static final long RUNTIME = 256L << 20;
  private static final int CALIBRATION_TOKENS = 65_536;

  private PeakMemory() {}

  /// An upper estimate in bytes: the largest layer in float32 before and after, its experts
  /// included, its attention once more in float64, and the residual streams of source and target over the calibration tokens.
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
              + 8 * attention;
      largest = Math.max(largest, layer);
    }
    long streams = 2L * CALIBRATION_TOKENS * source.hiddenSize() * 4;
    return RUNTIME + largest + streams;
  }

  private static long elements(Map<?, Shape> tensors) {
    return tensors.values().stream().mapToLong(Shape::elements).sum();
  }
}
