package dev.regroup.converters.refine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.AttentionSublayers;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The tangent is what central differences of the forward pass come to, and that pass is the
/// runtime's.
final class TangentTest {
  /// Half the step of the differences: float32 rounding and the third derivative are then about
  /// equal.
  private static final double STEP = 1e-2;

  private static final double TOLERANCE = 3e-3;

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.refine.RandomLayers#cases")
  void agreesWithDifferencesPartByPartAndForAll(RandomLayers.Case shape) {
    var random = new RandomLayers(21);
    FactoredAttention layer = random.layer(shape);
    Inputs inputs = random.inputs(shape);
    var pass = new AttentionPass(layer, inputs);
    List<Set<Part>> sets = new ArrayList<>();
    Set<Part> all = RandomLayers.parts(layer);
    all.forEach(part -> sets.add(EnumSet.of(part)));
    sets.add(all);
    for (Set<Part> parts : sets) {
      Maps direction = random.direction(layer, parts);
      float[] tangent = Tangent.of(pass, direction).elements();
      float[] ahead = moved(layer, inputs, direction, STEP);
      float[] behind = moved(layer, inputs, direction, -STEP);
      double error = 0;
      double size = 0;
      for (int i = 0; i < tangent.length; i++) {
        double difference = ((double) ahead[i] - behind[i]) / (2 * STEP);
        error += (tangent[i] - difference) * (tangent[i] - difference);
        size += difference * difference;
      }
      assertThat(Math.sqrt(error / size)).as("relative error over %s", parts).isLessThan(TOLERANCE);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.refine.RandomLayers#cases")
  void startsFromTheRuntimesOwnForward(RandomLayers.Case shape) {
    if (shape.reads() != RandomLayers.Reads.HIDDEN) {
      return; // its inputs lie behind norms of the source
    }
    var random = new RandomLayers(22);
    FactoredAttention layer = random.layer(shape);
    Inputs inputs = random.inputs(shape);
    float[] expected =
        AttentionSublayers.of(
                layer.spec(), RandomLayers.hiddenSize(), 1e-6, layer.tensors(Map.of()))
            .forward(inputs.query().elements(), shape.tokens());
    FloatBlock output = new AttentionPass(layer, inputs).output();
    for (int i = 0; i < expected.length; i++) {
      assertThat(Math.abs(output.elements()[i] - expected[i])).isLessThan(1e-5f);
    }
  }

  private static float[] moved(
      FactoredAttention layer, Inputs inputs, Maps direction, double step) {
    Maps maps = Maps.of(layer, direction.values().keySet());
    FactoredAttention moved = maps.moved(layer, direction.flat(), step);
    return new AttentionPass(moved, inputs).output().elements();
  }
}
