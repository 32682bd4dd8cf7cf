package dev.regroup.converters.fit;

import dev.regroup.converters.calibrate.Streams;
import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.converters.report.FitOutcome;
import dev.regroup.converters.report.FitOutcome.Ending;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.model.DecoderLayer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/// Fits one converted layer on the target's residual stream, towards the source's: what earlier layers
/// got wrong is part of what this one is asked to put right. Layers share nothing but the streams, so
/// that a run that was broken off can go on at any layer.
public final class LayerFit {
  /// One window in so many is held back to try the fit on.
  private static final int HELD_SHARE = 4;

  private static final int MAX_HELD = 16;

  /// Steps through norms begin near where the others ended: their first rate over the others'.
  private static final double NORM_RATE = 0.25;

  /// The rate of a second run over the first's.
  private static final double SECOND_RATE = 0.25;

  /// Beyond this width of the heads' outputs the output refit's normal matrix grows too large.
  private static final int MAX_OUTPUT_WIDTH = 8192;

  /// Squares of sizes whose reciprocals float32 can hold.
  private static final double SMALLEST_SIZE = 1e-36;

  private final FitPlan plan;
  private final boolean whole;
  private final double rate;
  private final DecoderLayer layer;
  private final Windows windows;
  private final Training.Split split;
  private final int hiddenSize;
  private final Backend backend;

  /// A fitted layer.
  ///
  /// @param outcome absent where there was no fit: none was asked for, or fewer than four windows were
  ///     there, too few to hold any back
  public record Fitted(FactoredAttention attention, Optional<FitOutcome> outcome) {}

  /// Told of every step.
  @FunctionalInterface
  public interface Listener {
    /// One step is done.
    ///
    /// @param step from 1
    /// @param error of the step's windows: squared, relative to what the source's sublayer adds
    void step(int step, double error);
  }

  /// @param layer of the source
  /// @param weights the source's attention tensors of the layer
  /// @param whole see {@link dev.regroup.converters.plan.ConversionRequest#wholeFit}
  /// @param backend whose device trains, where it has one
  public LayerFit(
      FitPlan plan,
      FitOptions options,
      DecoderLayer layer,
      LayerWeights weights,
      Streams streams,
      int hiddenSize,
      boolean whole,
      Backend backend) {
    this.plan = plan;
    this.whole = whole;
    this.rate = options.rate();
    this.layer = layer;
    this.hiddenSize = hiddenSize;
    this.backend = backend;
    windows = new StreamWindows(layer, weights, streams, hiddenSize);
    split = split(streams.windows(), options.tokens() / streams.tokens());
  }

  /// Holds windows back from the middle of equal stretches, since text often comes in order; the fit
  /// sees at most `most` of the others, spread.
  private static Training.Split split(int all, long most) {
    int count = Math.min(MAX_HELD, all / HELD_SHARE);
    int[] held = IntStream.range(0, count).map(i -> (2 * i + 1) * all / (2 * count)).toArray();
    int[] others =
        IntStream.range(0, all).filter(w -> Arrays.stream(held).noneMatch(h -> h == w)).toArray();
    return new Training.Split(
        Training.spread(others, (int) Math.max(1, Math.min(most, all))), held);
  }

  /// The fitted layer: what steps lead to is tried on windows that they have not seen, and kept only
  /// where it lowers the error there.
  ///
  /// @param seed of all that is random in this layer
  public Fitted fit(FactoredAttention closed, long seed, Listener listener) {
    if (plan.steps() == 0 || split.held().length == 0 || !measurable()) {
      return new Fitted(closed, Optional.empty());
    }
    Set<Part> parts = parts(closed);
    Fitted linear = fit(closed, parts, settings(plan.steps(), rate, seed), listener);
    boolean normed = LatentNorm.trainable(closed.spec()) && plan.normSteps() > 0;
    return normed ? throughNorm(linear, parts, seed, listener) : linear;
  }

  /// Whether what the source adds has a size that errors can be relative to: a layer that adds nothing
  /// is nothing to learn from.
  private boolean measurable() {
    return Arrays.stream(split.fitted()).mapToDouble(windows::size).allMatch(LayerFit::isSize)
        && Arrays.stream(split.held()).mapToDouble(windows::size).allMatch(LayerFit::isSize);
  }

  private static boolean isSize(double squared) {
    return squared > SMALLEST_SIZE && squared < 1 / SMALLEST_SIZE;
  }

  /// Goes on through the norm of the latents, which until then has no part in what is trained; what
  /// comes of it is kept only where it lowers the error on windows held back.
  private Fitted throughNorm(Fitted linear, Set<Part> parts, long seed, Listener listener) {
    Set<Part> more = EnumSet.copyOf(parts);
    more.add(Part.NORM_GAIN);
    Fitted normed =
        fit(
            linear.attention().withNorm(),
            more,
            settings(plan.normSteps(), rate * NORM_RATE, ~seed),
            (step, error) -> listener.step(plan.steps() + step, error));
    FitOutcome first = linear.outcome().orElseThrow();
    FitOutcome second = normed.outcome().orElseThrow();
    if (!(second.after() < first.after())) {
      return linear;
    }
    var both =
        new FitOutcome(
            plan.steps() + second.bestStep(),
            first.before(),
            second.after(),
            first.ending() == Ending.COMPLETED ? second.ending() : first.ending());
    return new Fitted(normed.attention(), Optional.of(both));
  }

  private Training.Settings settings(int steps, double first, long seed) {
    return new Training.Settings(steps, plan.windowsPerStep(), first, seed);
  }

  private Fitted fit(
      FactoredAttention start, Set<Part> parts, Training.Settings settings, Listener listener) {
    try (Workplace workplace = Workplace.open(backend, windows, start, parts, split)) {
      FitProblem problem = workplace.problem();
      var training = new Training(problem, split, settings, listener::step);
      Fitted fitted = refitted(problem, training.train(start, parts), parts);
      boolean helped = fitted.outcome().orElseThrow().bestStep() > 0;
      return helped || start.norm().active() ? fitted : again(problem, fitted, parts, settings);
    }
  }

  /// Where no step was better than none, steps were too long for so little text: as many once more, of
  /// a part of the length, from what the output refit alone has made. Kept only where it is better.
  private Fitted again(
      FitProblem problem, Fitted first, Set<Part> parts, Training.Settings settings) {
    var shorter =
        new Training.Settings(
            settings.steps(), settings.batch(), settings.rate() * SECOND_RATE, settings.seed());
    var training = new Training(problem, split, shorter, (step, error) -> {});
    Fitted second = refitted(problem, training.train(first.attention(), parts), parts);
    FitOutcome before = first.outcome().orElseThrow();
    FitOutcome after = second.outcome().orElseThrow();
    return after.after() < before.after()
        ? new Fitted(
            second.attention(),
            Optional.of(
                new FitOutcome(after.bestStep(), before.before(), after.after(), after.ending())))
        : first;
  }

  /// With the output projection solved for, where that helps.
  private Fitted refitted(FitProblem problem, Training.Trained trained, Set<Part> parts) {
    FitOutcome outcome = trained.outcome();
    if (!parts.contains(Part.OUTPUT) || outputWidth(trained.layer()) > MAX_OUTPUT_WIDTH) {
      return new Fitted(trained.layer(), Optional.of(outcome));
    }
    FactoredAttention solved = withSolvedOutput(problem, trained.layer());
    double after = problem.error(solved, split.held());
    return after < outcome.after()
        ? new Fitted(
            solved,
            Optional.of(
                new FitOutcome(outcome.bestStep(), outcome.before(), after, outcome.ending())))
        : new Fitted(trained.layer(), Optional.of(outcome));
  }

  private FactoredAttention withSolvedOutput(FitProblem problem, FactoredAttention fitted) {
    float[] output =
        OutputRefit.solve(problem.outputSums(fitted, split.fitted()), fitted.output(), hiddenSize);
    return new Maps(Map.of(Part.OUTPUT, output)).in(fitted);
  }

  private static int outputWidth(FactoredAttention layer) {
    return layer.spec().layout().queryHeads() * layer.spec().layout().valueDim();
  }

  /// The maps that a conversion writes anew; a bias of the source's output stays as it is.
  private Set<Part> parts(FactoredAttention closed) {
    Set<Part> parts = EnumSet.noneOf(Part.class);
    parts.add(Part.STATE);
    if (!closed.tied()) {
      parts.add(Part.KEY_UP);
      parts.add(Part.VALUE_UP);
    }
    AttentionLayout source = layer.spec().attention().layout();
    switch (source) {
      case Gqa _ -> {
        parts.addAll(Set.of(Part.ROPE_KEY, Part.OUTPUT));
        if (!(closed.spec().query() instanceof QueryPath.Mixed)) {
          parts.add(Part.QUERY);
        }
      }
      case Gla _ -> {
        if (closed.tied() || whole) {
          parts.addAll(Set.of(Part.QUERY, Part.OUTPUT));
        }
      }
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    }
    return parts;
  }
}
