package dev.regroup.converters;

import dev.regroup.converters.report.LayerReport;
import dev.regroup.formats.attention.AttentionTensor;
import java.util.Map;

/// Converts layers one after another, in order.
interface LayerConversion {
  /// Converts the next layer.
  Converted convert(int layer);

  /// What a layer became.
  ///
  /// @param tensors every tensor of the target's attention sublayer, float32
  record Converted(Map<AttentionTensor, float[]> tensors, LayerReport report) {}
}
