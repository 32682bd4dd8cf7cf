package dev.regroup.converters.closedform;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;

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
  /// @param regroup whether query heads may change places: only where all that has a place a head (query
  ///     and output projections) is written anew
  public static ClosedForm convert(
      AttentionSpec source,
      AttentionSpec target,
      LayerWeights weights,
      LayerStatistics statistics,
      int hiddenSize,
      boolean regroup) {
    return switch (source.layout()) {
      case Gqa gqa ->
          new FromGqa(
                  source, gqa, target, new SourceWeights(source, weights, hiddenSize), statistics)
              .convert();
      case Gla mla ->
          new FromMla(
                  source,
                  mla,
                  target,
                  new SourceWeights(source, weights, hiddenSize),
                  statistics,
                  regroup && !queryBias(source))
              .convert();
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  /// A bias has a place a head too, and stays as it is.
  private static boolean queryBias(AttentionSpec source) {
    return source.query() instanceof QueryPath.Direct(boolean bias, boolean _) && bias;
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
