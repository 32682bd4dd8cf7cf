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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// Chooses the base of the rotary table for targets that have one table for all layers: the one whose
/// frequencies, filled with what costs most, lose least over the layers.
///
/// A config holds any base, and the source's own is rarely best: a table of half the elements should
/// spend its frequencies where attention looks. Coarse steps of 8 come first, then two halvings of the
/// step about the best.
final class TableSearch {
  private static final int WINDOWS = 8;
  private static final double FIRST = 10;
  private static final double LAST = 1_000_000;
  private static final double STEP = 8;
  private static final int HALVINGS = 2;

  /// Layers that are asked, spread over the model: enough to tell bases apart.
  private static final int LAYERS = 8;

  private final Checkpoint source;
  private final ConversionPlan plan;
  private final boolean allowNonFinite;
  private final List<Asked> asked = new ArrayList<>();
  private final Map<Integer, Double> losses = new TreeMap<>();

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

  private int best() {
    int best = sourceTheta().orElse((int) FIRST);
    for (double theta = FIRST; theta <= LAST; theta *= STEP) {
      best = better(best, theta);
    }
    double step = STEP;
    for (int i = 0; i < HALVINGS; i++) {
      step = Math.sqrt(step);
      best = better(better(best, best / step), best * step);
    }
    return best;
  }

  private Optional<Integer> sourceTheta() {
    var theta = plan.source().layers().getFirst().attention().rope().theta();
    return theta.isPresent() && theta.getAsDouble() <= Integer.MAX_VALUE
        ? Optional.of((int) theta.getAsDouble())
        : Optional.empty();
  }

  private int better(int known, double theta) {
    int next = (int) Math.max(2, Math.rint(theta));
    return loss(next) < loss(known) ? next : known;
  }

  private double loss(int theta) {
    return losses.computeIfAbsent(theta, this::measure);
  }

  private double measure(int theta) {
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

  private ConversionPlan with(int theta) {
    ModelSpec target = plan.target();
    return plan.withTarget(
        target.withAttention(
            target.architecture(),
            target.layers().stream().map(layer -> turned(layer.attention(), theta)).toList()));
  }

  private static AttentionSpec turned(AttentionSpec spec, int theta) {
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
