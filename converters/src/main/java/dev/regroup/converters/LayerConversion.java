package dev.regroup.converters;

import dev.regroup.converters.report.LayerReport;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import java.util.Map;
import java.util.function.Supplier;

/// Converts layers one after another, in rising order. Of each layer exactly one of {@link #convert}
/// (then {@link #advance}), {@link #advance} alone, and {@link #skip} is asked.
interface LayerConversion extends AutoCloseable {
  /// Converts the next layer.
  Converted convert(int layer);

  /// Moves past a layer that is written, by this run or by an interrupted one before it. What was
  /// written counts, not what was computed: so both go on alike.
  ///
  /// @param spec of the target's attention sublayer
  /// @param written gives every tensor of it, float32, as it reads from the output
  void advance(int layer, AttentionSpec spec, Supplier<Map<AttentionTensor, float[]>> written);

  /// Moves past a layer that another part converts.
  ///
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where a layer depends on how
  ///   those before it turned out
  void skip(int layer);

  /// Whether converting a layer takes so long that an interrupted run's layers are worth much.
  boolean costly();

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
