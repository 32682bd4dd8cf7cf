package dev.regroup.converters.fit;

import dev.regroup.converters.calibrate.OrderedSum;
import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;

/// A layer's problem on the processor, a window a core.
final class HostProblem implements FitProblem {
  /// Windows whose shares are in memory at once.
  private static final int SHARES = 8;

  private final Windows windows;
  private final Set<Part> parts;

  /// @param parts the maps that may change
  HostProblem(Windows windows, Set<Part> parts) {
    this.windows = windows;
    this.parts = parts;
  }

  @Override
  public Gradient gradient(FactoredAttention layer, int[] batch) {
    double scale = 2 / size(batch);
    double[] errors = new double[batch.length];
    Maps sum = null;
    for (int first = 0; first < batch.length; first += SHARES) {
      int begin = first;
      Maps[] shares = new Maps[Math.min(SHARES, batch.length - first)];
      Parallel.forEach(
          shares.length,
          i -> {
            int window = batch[begin + i];
            var pass = new AttentionPass(layer, windows.inputs(window));
            FloatBlock residual = residual(pass.output(), windows.target(window));
            errors[begin + i] = squares(residual.elements());
            scale(residual.elements(), (float) scale);
            shares[i] = new Adjoint(pass, parts, residual).weights();
          });
      for (Maps share : shares) {
        sum = sum == null ? share : sum.add(share);
      }
    }
    if (sum == null) {
      throw new IllegalArgumentException("expected at least one window");
    }
    return new Gradient(Arrays.stream(errors).sum() * scale / 2, sum);
  }

  @Override
  public double error(FactoredAttention layer, int[] some) {
    double[] errors = new double[some.length];
    Parallel.forEach(
        some.length,
        i ->
            errors[i] =
                squares(
                    residual(
                            new AttentionPass(layer, windows.inputs(some[i])).output(),
                            windows.target(some[i]))
                        .elements()));
    return Arrays.stream(errors).sum() / size(some);
  }

  @Override
  public Moments moments(FactoredAttention layer, int[] some, long seed) {
    Maps shapes = Maps.of(layer, parts);
    Extents extents = Extents.of(layer);
    double[] sums =
        OrderedSum.of(
            some.length,
            i -> {
              var pass = new AttentionPass(layer, windows.inputs(some[i]));
              FloatBlock random = signs(pass.inputs().tokens(), pass.hiddenSize(), seed + some[i]);
              return Moments.share(pass, new Adjoint(pass, parts, random), shapes);
            });
    return Moments.of(sums, extents, shapes);
  }

  @Override
  public double[] outputSums(FactoredAttention layer, int[] some) {
    return OutputRefit.sums(
        some.length,
        i -> {
          var pass = new AttentionPass(layer, windows.inputs(some[i]));
          return new OutputRefit.Window(pass.heads(), windows.target(some[i]));
        });
  }

  @Override
  public Trainee trainee(FactoredAttention start, Set<Part> trained, Moments moments) {
    return new HostTrainee(this, start, trained, moments);
  }

  @Override
  public void close() {}

  /// The squared size of what the source's layer adds over some windows.
  private double size(int[] some) {
    double size = 0;
    for (int window : some) {
      size += windows.size(window);
    }
    return Math.max(size, Double.MIN_NORMAL);
  }

  /// Random outputs `[tokens, D]`.
  static FloatBlock signs(int tokens, int hiddenSize, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    FloatBlock signs = FloatBlock.zeros(tokens, hiddenSize);
    for (int i = 0; i < signs.elements().length; i++) {
      signs.elements()[i] = random.nextBoolean() ? 1 : -1;
    }
    return signs;
  }

  /// `output − target`, in place of the output.
  private static FloatBlock residual(FloatBlock output, FloatBlock target) {
    for (int i = 0; i < output.elements().length; i++) {
      output.elements()[i] -= target.elements()[i];
    }
    return output;
  }

  private static void scale(float[] elements, float factor) {
    for (int i = 0; i < elements.length; i++) {
      elements[i] *= factor;
    }
  }

  static double squares(float[] elements) {
    double sum = 0;
    for (float element : elements) {
      sum += (double) element * element;
    }
    return sum;
  }
}
