package dev.regroup.converters.closedform;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;

/// The front of this room: one conversion a source layout.
///
/// @param attention the converted layer
/// @param lost first-order squared error of the sublayer's output, a token: what the rotary slots and the
///     shared states do not carry of the logits, times what a logit error costs, and of the values.
///     Attention averages it down by the participation of {@link LayerStatistics}
public record ClosedForm(FactoredAttention attention, double lost) {
  /// Converts one layer.
  ///
  /// @param weights the source's attention tensors of the layer, float32
  /// @param statistics of the source's layer, or a prior
  /// @param hiddenSize D
  public static ClosedForm convert(
      AttentionSpec source,
      AttentionSpec target,
      LayerWeights weights,
      LayerStatistics statistics,
      int hiddenSize) {
    return switch (source.layout()) {
      case Gqa gqa ->
          new FromGqa(
                  source, gqa, target, new SourceWeights(source, weights, hiddenSize), statistics)
              .convert();
      case Gla mla ->
          new FromMla(
                  source, mla, target, new SourceWeights(source, weights, hiddenSize), statistics)
              .convert();
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  /// What of {@link #lost} is the rotary key's: the logit error of MHA, GQA or MQA keys that it does not
  /// carry and that no position-free key stands in for.
  public static double slotsLost(
      AttentionSpec source,
      AttentionSpec target,
      LayerWeights weights,
      LayerStatistics statistics,
      int hiddenSize) {
    return switch (source.layout()) {
      case Gqa gqa ->
          new FromGqa(
                  source, gqa, target, new SourceWeights(source, weights, hiddenSize), statistics)
              .slotsLost();
      case Gla _ -> 0; // the rotary key stays
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }
}
