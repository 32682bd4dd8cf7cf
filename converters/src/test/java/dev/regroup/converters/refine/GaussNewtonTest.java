package dev.regroup.converters.refine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A step goes to where a layer fits, from near by, and never away from it.
final class GaussNewtonTest {
  private static final int WINDOWS = 24;

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.refine.RandomLayers#cases")
  void bringsASmallPerturbationNearlyBackInOneStep(RandomLayers.Case shape) {
    var random = new RandomLayers(31);
    FactoredAttention exact = random.layer(shape);
    List<Inputs> inputs = inputs(random, shape);
    List<FloatBlock> targets = outputs(exact, inputs);
    Set<Part> parts = RandomLayers.parts(exact);
    FactoredAttention perturbed =
        Maps.of(exact, parts).moved(exact, random.direction(exact, parts).flat(), 0.05);
    FactoredAttention stepped = step(perturbed, inputs, targets, 100);
    double before = error(perturbed, inputs, targets);
    assertThat(error(stepped, inputs, targets)).isPositive().isLessThan(before / 20);
    assertThat(error(step(stepped, inputs, targets, 100), inputs, targets))
        .isLessThan(before / 400);
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.refine.RandomLayers#cases")
  void neverRaisesTheErrorHoweverFarAway(RandomLayers.Case shape) {
    for (int seed = 0; seed < 6; seed++) {
      var random = new RandomLayers(40 + seed);
      FactoredAttention layer = random.layer(shape);
      List<Inputs> inputs = inputs(random, shape).subList(0, 2);
      List<FloatBlock> targets =
          inputs.stream()
              .map(i -> random.block(shape.tokens(), RandomLayers.hiddenSize()))
              .toList();
      FactoredAttention stepped = step(layer, inputs, targets, 8);
      assertThat(error(stepped, inputs, targets)).isLessThan(error(layer, inputs, targets));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.refine.RandomLayers#cases")
  void leavesALayerThatFitsAndPartsThatAreNotItsOwn(RandomLayers.Case shape) {
    var random = new RandomLayers(51);
    FactoredAttention layer = random.layer(shape);
    List<Inputs> inputs = inputs(random, shape).subList(0, 2);
    List<FloatBlock> fitting = outputs(layer, inputs);
    assertThat(step(layer, inputs, fitting, 8)).isSameAs(layer);
    List<FloatBlock> other = outputs(new RandomLayers(52).layer(shape), inputs);
    var settings = new GaussNewton.Settings(8, 1e-3, 5);
    FactoredAttention stepped =
        new GaussNewton(settings, inputs, other, Set.of(Part.STATE)).step(layer);
    assertThat(stepped.state()).isNotEqualTo(layer.state());
    assertThat(stepped.query()).isEqualTo(layer.query());
    assertThat(stepped.output()).isEqualTo(layer.output());
    assertThat(stepped.ropeKey()).isEqualTo(layer.ropeKey());
  }

  private static FactoredAttention step(
      FactoredAttention layer, List<Inputs> inputs, List<FloatBlock> targets, int iterations) {
    var settings = new GaussNewton.Settings(iterations, 1e-3, 5);
    return new GaussNewton(settings, inputs, targets, RandomLayers.parts(layer)).step(layer);
  }

  private static List<Inputs> inputs(RandomLayers random, RandomLayers.Case shape) {
    int windows = Math.max(2, WINDOWS * 14 / shape.tokens());
    return IntStream.range(0, windows).mapToObj(i -> random.inputs(shape)).toList();
  }

  private static List<FloatBlock> outputs(FactoredAttention layer, List<Inputs> inputs) {
    return inputs.stream().map(input -> new AttentionPass(layer, input).output()).toList();
  }

  private static double error(
      FactoredAttention layer, List<Inputs> inputs, List<FloatBlock> targets) {
    double error = 0;
    for (int w = 0; w < inputs.size(); w++) {
      float[] output = new AttentionPass(layer, inputs.get(w)).output().elements();
      for (int i = 0; i < output.length; i++) {
        double difference = output[i] - targets.get(w).elements()[i];
        error += difference * difference;
      }
    }
    return error;
  }
}
