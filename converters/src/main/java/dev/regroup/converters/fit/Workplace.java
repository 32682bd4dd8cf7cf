package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.TrainingMath;
import java.util.Optional;
import java.util.Set;

/// A problem, and what computes it where that is not the processor; closed with it.
record Workplace(FitProblem problem, Optional<TrainingMath> math) implements AutoCloseable {
  /// From this width of the stream on a fit's time is that of its products.
  private static final int WIDE = 2048;

  /// Tokens of a window that a wide layer's first gradient is compared over: the processor takes seconds
  /// for it. Rounded products take triangles in parts of 256 rows, of which this is more than one.
  private static final int COMPARED = 320;

  /// Relative to an error or to a map's gradient. Rounding of float32 is some 1e-5 of them.
  private static final double AGREEMENT = 1e-2;

  /// The same where factors are BF16: each is off by up to 2⁻⁸, and where attention is nearly all on one
  /// token, its gradient is a small difference of such.
  private static final double ROUNDED_AGREEMENT = 1e-1;

  /// On a backend's device where it has one.
  ///
  /// @param closed a layer of the shape that is fitted
  /// @param parts the maps that may change
  /// @param split windows that will be asked for
  static Workplace open(
      Backend backend,
      Windows windows,
      FactoredAttention closed,
      Set<Part> parts,
      Training.Split split) {
    Optional<TrainingMath> math = backend.training(accuracy(closed));
    if (math.isEmpty()) {
      return new Workplace(new HostProblem(windows, parts), math);
    }
    return on(math.get(), windows, closed, parts, split);
  }

  /// On a device, which is closed with it, or where it cannot be.
  static Workplace on(
      TrainingMath math,
      Windows windows,
      FactoredAttention closed,
      Set<Part> parts,
      Training.Split split) {
    try {
      int count = split.fitted().length + split.held().length;
      var span = new DeviceProblem.Span(split.held()[0], count);
      var problem = new DeviceProblem(math, windows, closed, parts, span);
      var workplace = new Workplace(problem, Optional.of(math));
      compare(workplace, windows, closed, parts, split.held()[0]);
      return workplace;
    } catch (RuntimeException e) {
      math.close();
      throw e;
    }
  }

  /// How exact a layer's products must be.
  private static Accuracy accuracy(FactoredAttention layer) {
    AttentionLayout layout = layer.spec().layout();
    int hidden = layer.output().length / (layout.queryHeads() * layout.valueDim());
    return hidden < WIDE ? Accuracy.FLOAT32 : Accuracy.BFLOAT16;
  }

  private static void compare(
      Workplace workplace, Windows windows, FactoredAttention layer, Set<Part> parts, int window) {
    int[] one = {window};
    TrainingMath math = workplace.math.orElseThrow();
    if (math.accuracy() == Accuracy.FLOAT32) {
      Gradient found = workplace.problem.gradient(layer, one);
      requireAgreement(found, new HostProblem(windows, parts).gradient(layer, one), AGREEMENT);
      return;
    }
    var beginning = new Beginning(windows, COMPARED);
    try (var device =
        new DeviceProblem(math, beginning, layer, parts, new DeviceProblem.Span(window, 1))) {
      Gradient found = device.gradient(layer, one);
      Gradient expected = new HostProblem(beginning, parts).gradient(layer, one);
      requireAgreement(found, expected, ROUNDED_AGREEMENT);
    }
  }

  /// The first tokens of windows, towards nothing: a difference of nearly equal outputs would be
  /// rounding for the most part.
  private record Beginning(Windows all, int tokens) implements Windows {
    @Override
    public Inputs inputs(int window) {
      Inputs inputs = all.inputs(window);
      int rows = Math.min(tokens, inputs.tokens());
      return new Inputs(
          inputs.query().rows(0, rows), inputs.state().rows(0, rows), inputs.rope().rows(0, rows));
    }

    @Override
    public FloatBlock target(int window) {
      FloatBlock target = all.target(window);
      return FloatBlock.zeros(Math.min(tokens, target.rows()), target.columns());
    }

    @Override
    public double size(int window) {
      return all.size(window);
    }
  }

  /// A device that computes something else than the definition must not decide what is written.
  ///
  /// @param agreement how far they may differ, relative to the host's
  /// @throws DeviceException where the two differ by more
  static void requireAgreement(Gradient device, Gradient host, double agreement) {
    require("error", Math.abs(device.error() - host.error()), host.error(), agreement);
    host.maps()
        .values()
        .forEach(
            (part, expected) -> {
              float[] found = device.maps().get(part).clone();
              for (int i = 0; i < found.length; i++) {
                found[i] -= expected[i];
              }
              String what = "gradient of " + part;
              require(what, size(found), size(expected), agreement);
            });
  }

  private static double size(float[] elements) {
    return Math.sqrt(HostProblem.squares(elements));
  }

  private static void require(String what, double difference, double size, double agreement) {
    if (!(difference <= agreement * size + Float.MIN_NORMAL)) {
      throw new DeviceException(
          ("fit: %s: expected the CPU's %.3g, found %.3g off on the device -> use --device cpu,"
                  + " and report it")
              .formatted(what, size, difference));
    }
  }

  @Override
  public void close() {
    problem.close();
    math.ifPresent(TrainingMath::close);
  }
}
