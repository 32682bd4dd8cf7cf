package dev.regroup.converters;

import dev.regroup.converters.report.LayerReport;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import java.util.Map;

/// Converts layers one after another, in order.
interface LayerConversion extends AutoCloseable {
  /// Converts the next layer.
  Converted convert(int layer);

  /// Pieces of work that a layer falls into, as progress counts them.
  default int pieces() {
    return 1;
  }

  /// Bytes that lie in temporary files by now.
  default long spilledBytes() {
    return 0;
  }

  @Override
  default void close() {}

  /// What a layer became.
  ///
  /// @param spec of the target's attention sublayer: as planned, with the frequencies that were chosen
  /// @param tensors every tensor of it, float32
  record Converted(AttentionSpec spec, Map<AttentionTensor, float[]> tensors, LayerReport report) {
    /// The same without its tensors, which are written by now.
    Converted withoutTensors() {
      return new Converted(spec, Map.of(), report);
    }
  }
}
