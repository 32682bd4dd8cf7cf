package dev.regroup.converters;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.calibrate.WeightPrior;
import dev.regroup.converters.closedform.ClosedForm;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.converters.source.ReadAhead;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.checkpoint.Checkpoint;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/// Converts from the weights alone: only attention tensors are read, and no layer depends on another.
final class PriorConversion implements LayerConversion {
  private final Checkpoint source;
  private final ConversionPlan plan;
  private final ConversionOptions options;

  /// The arrays of the layer before, which is written by now.
  private Map<AttentionTensor, float[]> spent = Map.of();

  PriorConversion(Checkpoint source, ConversionPlan plan, ConversionOptions options) {
    this.source = source;
    this.plan = plan;
    this.options = options;
  }

  @Override
  public Converted convert(int layer) {
    LayerWeights weights =
        LayerWeights.read(source, plan.source(), layer, options.allowNonFinite(), spent);
    spent = weights.tensors();
    readAhead(layer + 1);
    AttentionSpec before = plan.source().layers().get(layer).attention();
    AttentionSpec after = plan.target().layers().get(layer).attention();
    float[] gain = source.floats("model.layers." + layer + ".input_layernorm.weight");
    LayerStatistics prior = WeightPrior.of(before, weights, gain);
    ClosedForm closed =
        ClosedForm.convert(before, after, weights, prior, plan.source().hiddenSize(), false);
    return new Converted(
        closed.attention().spec(),
        closed.attention().tensors(weights.tensors()),
        new LayerReport(
            layer,
            closed.lost() / valueSize(before, prior),
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            Optional.empty()));
  }

  private void readAhead(int layer) {
    if (layer < plan.source().layers().size()) {
      AttentionSpec attention = plan.source().layers().get(layer).attention();
      ReadAhead.begin(
          source,
          attention.tensors(plan.source().hiddenSize()).keySet().stream()
              .map(tensor -> tensor.in(layer))
              .toList());
    }
  }

  @Override
  public void advance(
      int layer, AttentionSpec spec, Supplier<Map<AttentionTensor, float[]>> written) {
    // no layer depends on another
  }

  @Override
  public void skip(int layer) {
    // no layer depends on another
  }

  @Override
  public boolean costly() {
    return false;
  }

  /// The squared size, a token, that all heads' values have together in the output: without text it is
  /// not known how much of it attention averages away.
  private static double valueSize(AttentionSpec spec, LayerStatistics prior) {
    double sum = 0;
    for (double sensitivity : prior.sensitivity()) {
      sum += sensitivity / (spec.softmaxScale() * spec.softmaxScale());
    }
    return Math.max(sum, Double.MIN_NORMAL);
  }
}
