package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.train.TrainingMath;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A {@link DeviceProblem} is {@link HostProblem}: the same errors, gradients, moments and steps for
/// every layout, whatever computes; a small subclass names that.
///
/// Both sides round to float32. Sums of up to tokens times windows terms, through five products in a
/// row, differ by some √(5·n) of half an ulp, 6e-8, relative to a map's size: below 1e-5 here, and held
/// to 5e-5 of the largest element, since terms cancel. Where factors are BF16, half an ulp is 2⁻⁸.
abstract class DeviceProblemContract {
  private static final int WINDOWS = 7;
  static final int[] BATCH = {5, 0, 3, 6, 2};
  static final int[] HELD = {1, 4};

  /// Of the largest element of a map.
  double tolerance() {
    return 5e-5;
  }

  /// Of a step's error, and of what three steps gain.
  double stepTolerance() {
    return 2e-3;
  }

  /// What computes; the test is skipped where there is none.
  abstract TrainingMath math();

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void givesTheSameGradientsAndErrors(RandomLayers.Case shape) {
    var task = new Task(shape);
    try (TrainingMath math = math();
        FitProblem device = task.on(math)) {
      Gradient expected = task.host.gradient(task.layer, BATCH);
      for (int run = 0; run < 2; run++) { // the second finds its windows on the device
        Gradient found = device.gradient(task.layer, BATCH);
        close(found.error(), expected.error());
        close(found.maps(), expected.maps());
      }
      close(device.error(task.layer, HELD), task.host.error(task.layer, HELD));
      close(device.error(task.layer, BATCH), expected.error());
    }
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void givesTheSameMoments(RandomLayers.Case shape) {
    var task = new Task(shape);
    try (TrainingMath math = math();
        FitProblem device = task.on(math)) {
      Moments expected = task.host.moments(task.layer, BATCH, 9);
      Moments found = device.moments(task.layer, BATCH, 9);
      close(found.inputs(), expected.inputs());
      close(found.outputs(), expected.outputs());
      close("heads", device.outputSums(task.layer, BATCH), task.host.outputSums(task.layer, BATCH));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void takesTheSameSteps(RandomLayers.Case shape) {
    var task = new Task(shape);
    Moments moments = task.host.moments(task.layer, BATCH, 9);
    try (TrainingMath math = math();
        FitProblem device = task.on(math);
        Trainee expected = task.host.trainee(task.layer, task.parts, moments);
        Trainee found = device.trainee(task.layer, task.parts, moments)) {
      List<Double> errors = new ArrayList<>();
      for (int step = 0; step < 3; step++) {
        expected.step(BATCH, 0.01);
        found.step(BATCH, 0.01);
        errors.add(expected.errors()[0]);
      }
      double[] seen = found.errors();
      assertThat(seen).hasSize(3);
      for (int step = 0; step < 3; step++) {
        // a step's direction is a sign where a gradient hardly differs from 0
        assertThat(Math.abs(seen[step] - errors.get(step)))
            .isLessThan(stepTolerance() * errors.get(step));
      }
      assertThat(seen[2]).isLessThan(seen[0]);
      // maps may differ where the output does not depend on them: there rounding is all of the
      // gradient
      double before = errors.getFirst();
      double wanted = task.host.error(expected.maps().in(task.layer), BATCH);
      double reached = task.host.error(found.maps().in(task.layer), BATCH);
      assertThat(wanted).isLessThan(before);
      assertThat(Math.abs(reached - wanted)).isLessThan(10 * stepTolerance() * (before - wanted));
    }
  }

  private void close(double found, double expected) {
    assertThat(Math.abs(found - expected)).isLessThanOrEqualTo(tolerance() * expected);
  }

  private void close(Maps found, Maps expected) {
    assertThat(found.values().keySet()).isEqualTo(expected.values().keySet());
    expected
        .values()
        .forEach((part, values) -> close(part.name(), wide(found.get(part)), wide(values)));
  }

  private void close(Map<Part, List<Matrix>> found, Map<Part, List<Matrix>> expected) {
    expected.forEach(
        (part, matrices) -> {
          List<Matrix> given = found.getOrDefault(part, List.of());
          assertThat(given).as("%s", part).hasSameSizeAs(matrices);
          for (int i = 0; i < matrices.size(); i++) {
            close(
                part + " moment " + i,
                wide(given.get(i).toFloats()),
                wide(matrices.get(i).toFloats()));
          }
        });
  }

  private void close(String what, double[] found, double[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    double largest = 0;
    for (double element : expected) {
      largest = Math.max(largest, Math.abs(element));
    }
    for (int i = 0; i < found.length; i++) {
      assertThat(Math.abs(found[i] - expected[i]))
          .as("%s[%d]", what, i)
          .isLessThanOrEqualTo(tolerance() * largest);
    }
  }

  private static double[] wide(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  /// A layer and windows that it does not fit.
  static final class Task implements Windows {
    final FactoredAttention layer;
    final Set<Part> parts;
    final HostProblem host;
    private final List<Inputs> inputs;
    private final List<FloatBlock> targets;

    Task(RandomLayers.Case shape) {
      var random = new RandomLayers(51);
      layer = random.layer(shape);
      parts = RandomLayers.parts(layer);
      inputs = IntStream.range(0, WINDOWS).mapToObj(i -> random.inputs(shape)).toList();
      targets =
          inputs.stream()
              .map(i -> random.block(shape.tokens(), RandomLayers.hiddenSize()))
              .toList();
      host = new HostProblem(this, parts);
    }

    FitProblem on(TrainingMath math) {
      return new DeviceProblem(math, this, layer, parts, new DeviceProblem.Span(HELD[0], WINDOWS));
    }

    @Override
    public Inputs inputs(int window) {
      return inputs.get(window);
    }

    @Override
    public FloatBlock target(int window) {
      return targets.get(window);
    }

    @Override
    public double size(int window) {
      return HostProblem.squares(targets.get(window).elements());
    }
  }
}
