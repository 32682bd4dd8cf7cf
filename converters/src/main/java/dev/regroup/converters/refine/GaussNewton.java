package dev.regroup.converters.refine;

import dev.regroup.converters.calibrate.OrderedSum;
import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/// One Gauss-Newton step on all maps of a layer at once: `min Σ ‖target − y(maps)‖²`.
///
/// The output is linearised about the current maps; the normal equations are solved by preconditioned
/// conjugate gradients with explicit derivatives; the step is halved until it lowers the error, and
/// dropped if none does.
final class GaussNewton {
  private static final int MAX_HALVINGS = 4;

  private final Settings settings;
  private final List<Inputs> inputs;
  private final List<FloatBlock> targets;
  private final Set<Part> parts;

  /// How hard to try.
  ///
  /// @param iterations of conjugate gradients
  /// @param damping Levenberg's, in the metric of the preconditioner
  /// @param seed of the random outputs that probe the preconditioner
  record Settings(int iterations, double damping, long seed) {}

  /// The problem over some windows.
  ///
  /// @param targets `[tokens, D]` of each window
  /// @param parts the maps that may change
  GaussNewton(Settings settings, List<Inputs> inputs, List<FloatBlock> targets, Set<Part> parts) {
    this.settings = settings;
    this.inputs = inputs;
    this.targets = targets;
    this.parts = parts;
  }

  /// The layer after one step, or itself where no step lowers the error.
  FactoredAttention step(FactoredAttention layer) {
    AttentionPass[] passes = new AttentionPass[inputs.size()];
    Parallel.forEach(passes.length, w -> passes[w] = new AttentionPass(layer, inputs.get(w)));
    Maps maps = Maps.of(layer, parts);
    double[] errors = new double[passes.length];
    double[] gradient =
        OrderedSum.of(
            passes.length,
            w -> {
              FloatBlock residual = residual(passes[w].output(), targets.get(w));
              errors[w] = size(residual);
              return new Adjoint(passes[w], parts, residual).weights().flat();
            });
    double error = sum(errors);
    double[] direction = solve(passes, maps, gradient);
    double step = 1;
    for (int halving = 0; halving < MAX_HALVINGS; halving++) {
      FactoredAttention moved = maps.moved(layer, direction, step);
      if (error(moved) < error) {
        return moved;
      }
      step /= 2;
    }
    return layer;
  }

  private double[] solve(AttentionPass[] passes, Maps maps, double[] gradient) {
    KroneckerMetric metric = metric(passes, maps);
    double[] solution = new double[gradient.length];
    double[] residual = gradient.clone();
    double[] conditioned = metric.solve(residual);
    double[] direction = conditioned;
    double product = dot(residual, conditioned);
    for (int i = 0; i < settings.iterations() && product > 0; i++) {
      double[] image = normal(passes, maps, metric, direction);
      double length = product / Math.max(dot(direction, image), Double.MIN_NORMAL);
      solution = axpy(length, direction, solution);
      residual = axpy(-length, image, residual);
      conditioned = metric.solve(residual);
      double next = dot(residual, conditioned);
      direction = axpy(next / product, direction, conditioned);
      product = next;
    }
    return solution;
  }

  /// The normal matrix, damped, times a direction.
  private double[] normal(
      AttentionPass[] passes, Maps maps, KroneckerMetric metric, double[] direction) {
    Maps shaped = maps.shaped(direction);
    double[] image =
        OrderedSum.of(
            passes.length,
            w -> new Adjoint(passes[w], parts, Tangent.of(passes[w], shaped)).weights().flat());
    return axpy(settings.damping(), metric.times(direction), image);
  }

  private KroneckerMetric metric(AttentionPass[] passes, Maps maps) {
    double[] inputMoments =
        OrderedSum.of(passes.length, w -> KroneckerMetric.inputMoments(passes[w], maps));
    int probes = Math.max(1, passes.length / 4);
    double[] outputMoments =
        OrderedSum.of(
            probes,
            w -> {
              int tokens = passes[w].inputs().tokens();
              FloatBlock random = signs(tokens, passes[w].hiddenSize(), settings.seed() + w);
              return KroneckerMetric.outputMoments(
                  new Adjoint(passes[w], parts, random), passes[w].extents(), maps, tokens);
            });
    for (int i = 0; i < outputMoments.length; i++) {
      outputMoments[i] /= probes;
    }
    return new KroneckerMetric(maps, passes[0].extents(), inputMoments, outputMoments);
  }

  private double error(FactoredAttention layer) {
    double[] errors = new double[inputs.size()];
    Parallel.forEach(
        errors.length,
        w ->
            errors[w] =
                size(residual(new AttentionPass(layer, inputs.get(w)).output(), targets.get(w))));
    return sum(errors);
  }

  private static FloatBlock signs(int rows, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    FloatBlock signs = FloatBlock.zeros(rows, columns);
    for (int i = 0; i < signs.elements().length; i++) {
      signs.elements()[i] = random.nextBoolean() ? 1 : -1;
    }
    return signs;
  }

  /// `target − output`, in place of the output.
  private static FloatBlock residual(FloatBlock output, FloatBlock target) {
    for (int i = 0; i < output.elements().length; i++) {
      output.elements()[i] = target.elements()[i] - output.elements()[i];
    }
    return output;
  }

  private static double size(FloatBlock block) {
    double sum = 0;
    for (float element : block.elements()) {
      sum += (double) element * element;
    }
    return sum;
  }

  private static double sum(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static double[] axpy(double factor, double[] x, double[] y) {
    double[] sum = new double[x.length];
    for (int i = 0; i < sum.length; i++) {
      sum[i] = factor * x[i] + y[i];
    }
    return sum;
  }
}
