package dev.regroup.converters;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.calibrate.StatisticsCollector;
import dev.regroup.converters.calibrate.Streams;
import dev.regroup.converters.calibrate.WeightPrior;
import dev.regroup.converters.closedform.ClosedForm;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// Chooses the base of the rotary table for targets that have one table for all layers: the one whose
/// frequencies, filled with what costs most, lose least over the layers.
///
/// A config holds any base. The source's own, for a table of fewer elements, is every k-th frequency of
/// the source; `θ^(s·d_r/d)` is every s-th from the fastest on, which no distance tells from the
/// source's. Other bases turn beside the source's frequencies and drift off with the distance, but may
/// do where the source's table is scaled.
final class TableSearch {
  private static final int WINDOWS = 8;
  private static final double FIRST = 16;
  private static final double LAST = 2_000_000;
  private static final double STEP = 4;

  /// Digits of a base that are kept, as a person would write it.
  private static final MathContext DIGITS = new MathContext(9);

  /// Layers that are asked, spread over the model: enough to tell bases apart.
  private static final int LAYERS = 8;

  private final Checkpoint source;
  private final ConversionPlan plan;
  private final boolean allowNonFinite;
  private final List<Asked> asked = new ArrayList<>();
  private final Map<Double, Double> losses = new TreeMap<>();

  /// A layer with its statistics.
  private record Asked(int layer, LayerWeights weights, LayerStatistics statistics) {}

  private TableSearch(Checkpoint source, ConversionPlan plan, boolean allowNonFinite) {
    this.source = source;
    this.plan = plan;
    this.allowNonFinite = allowNonFinite;
  }

  /// The plan with its table chosen; the same plan where there is nothing to choose.
  static ConversionPlan settle(
      Checkpoint source,
      ConversionPlan plan,
      Optional<TokenWindows> calibration,
      boolean allowNonFinite) {
    if (!plan.request().profile().hasOneTable() || plan.request().ropeTheta().isPresent()) {
      return plan;
    }
    var search = new TableSearch(source, plan, allowNonFinite);
    calibration.ifPresentOrElse(search::ask, search::askWeights);
    return search.with(search.best());
  }

  private double best() {
    List<Double> candidates = new ArrayList<>(strides());
    for (double theta = FIRST; theta <= LAST; theta *= STEP) {
      candidates.add(theta);
    }
    double best = candidates.getFirst();
    for (double theta : candidates) {
      if (loss(theta) < loss(best)) {
        best = theta;
      }
    }
    return best;
  }

  /// Bases of the tables that are every s-th frequency of the source's.
  private List<Double> strides() {
    Rope from = plan.source().layers().getFirst().attention().rope();
    int pairs = from.dim() / 2;
    if (pairs < 2) {
      return List.of();
    }
    // the fastest two, which no scaling touches
    double ratio = from.inverseFrequencies().get(0) / from.inverseFrequencies().get(1);
    int slots = plan.target().layers().getFirst().attention().rope().dim() / 2;
    List<Double> bases = new ArrayList<>();
    for (int stride = 1; stride <= Math.max(1, 2 * pairs / slots); stride++) {
      double theta = Math.pow(ratio, (double) stride * slots);
      if (theta < Float.MAX_VALUE) {
        bases.add(new BigDecimal(theta).round(DIGITS).doubleValue());
      }
    }
    return bases;
  }

  private double loss(double theta) {
    return losses.computeIfAbsent(theta, this::measure);
  }

  private double measure(double theta) {
    double sum = 0;
    for (Asked each : asked) {
      AttentionSpec before = plan.source().layers().get(each.layer).attention();
      AttentionSpec after = turned(plan.target().layers().get(each.layer).attention(), theta);
      double size = 0;
      for (double sensitivity : each.statistics.sensitivity()) {
        size += sensitivity / (before.softmaxScale() * before.softmaxScale());
      }
      sum +=
          ClosedForm.slotsLost(
                  before, after, each.weights, each.statistics, plan.source().hiddenSize())
              / Math.max(size, Double.MIN_NORMAL);
    }
    return sum;
  }

  private ConversionPlan with(double theta) {
    ModelSpec target = plan.target();
    return plan.withTarget(
        target.withAttention(
            target.architecture(),
            target.layers().stream().map(layer -> turned(layer.attention(), theta)).toList()));
  }

  private static AttentionSpec turned(AttentionSpec spec, double theta) {
    Rope rope = spec.rope();
    return spec.withRope(Rope.standard(rope.dim(), theta, rope.interleaved()));
  }

  private boolean isAsked(int layer) {
    int layers = plan.source().layers().size();
    int count = Math.min(LAYERS, layers);
    return layer * count / layers != (layer - 1) * count / layers || layer == 0;
  }

  private void askWeights() {
    ModelSpec spec = plan.source();
    for (int i = 0; i < spec.layers().size(); i++) {
      if (isAsked(i)) {
        LayerWeights weights = LayerWeights.read(source, spec, i, allowNonFinite);
        float[] gain = source.floats("model.layers." + i + ".input_layernorm.weight");
        AttentionSpec attention = spec.layers().get(i).attention();
        asked.add(new Asked(i, weights, WeightPrior.of(attention, weights, gain)));
      }
    }
  }

  private void ask(TokenWindows calibration) {
    ModelSpec spec = plan.source();
    var model = new Transformer(spec, source);
    List<int[]> all = calibration.windows();
    int count = Math.min(WINDOWS, all.size());
    List<int[]> windows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      windows.add(all.get((int) ((long) i * all.size() / count)));
    }
    var streams = new Streams(model.embedding(), windows);
    for (int i = 0; i < spec.layers().size(); i++) {
      LayerWeights weights = LayerWeights.read(source, spec, i, allowNonFinite);
      DecoderLayer layer = model.layer(i);
      streams.attend(layer);
      if (isAsked(i)) {
        asked.add(
            new Asked(
                i,
                weights,
                StatisticsCollector.collect(layer, weights, streams, spec.hiddenSize())));
      }
      streams.advance(layer, layer.attention());
    }
  }
}
