package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.AttentionSublayers;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The backward pass is what central differences of a forward pass in float64 come to, element by
/// element; and the forward pass is that one, and the runtime's.
final class AdjointTest {
  /// Half the step of the differences: their third derivative and float64's rounding are both far
  /// below float32's.
  private static final double STEP = 1e-4;

  /// Relative to the largest derivative of the map.
  private static final double TOLERANCE = 2e-5;

  /// Elements of a map that are tried, over few and over many tokens.
  private static final int TRIED = 24;

  private static final int TRIED_LONG = 4;

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void isWhatDifferencesInFloat64ComeTo(RandomLayers.Case shape) {
    var random = new RandomLayers(11);
    FactoredAttention layer = random.layer(shape);
    Inputs inputs = random.inputs(shape);
    FloatBlock output = random.block(shape.tokens(), RandomLayers.hiddenSize());
    Maps pulled =
        new Adjoint(new AttentionPass(layer, inputs), RandomLayers.parts(layer), output).weights();
    var wide = new Float64Layer(layer);
    int tried = shape.tokens() > 100 ? TRIED_LONG : TRIED;
    for (Part part : RandomLayers.parts(layer)) {
      float[] found = pulled.get(part);
      double[] map = wide.map(part);
      double largest = 0;
      for (float element : found) {
        largest = Math.max(largest, Math.abs(element));
      }
      for (int i = 0; i < map.length; i += Math.max(1, map.length / tried)) {
        double at = map[i];
        map[i] = at + STEP;
        double ahead = dot(output, wide.output(inputs));
        map[i] = at - STEP;
        double behind = dot(output, wide.output(inputs));
        map[i] = at;
        assertThat(found[i])
            .as("%s[%d]", part, i)
            .isCloseTo(
                (float) ((ahead - behind) / (2 * STEP)),
                within((float) (TOLERANCE * largest + 1e-6)));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void startsFromTheForwardPassOfTheDefinition(RandomLayers.Case shape) {
    var random = new RandomLayers(12);
    FactoredAttention layer = random.layer(shape);
    Inputs inputs = random.inputs(shape);
    FloatBlock output = new AttentionPass(layer, inputs).output();
    double[][] expected = new Float64Layer(layer).output(inputs);
    for (int i = 0; i < output.elements().length; i++) {
      double wanted = expected[i / output.columns()][i % output.columns()];
      assertThat(Math.abs(output.elements()[i] - wanted)).isLessThan(2e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
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

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void seesNothingOutsideTheWindow(RandomLayers.Case shape) {
    var random = new RandomLayers(12);
    FactoredAttention layer = random.layer(shape);
    var pass = new AttentionPass(layer, random.inputs(shape));
    int window = shape.window() == 0 ? shape.tokens() : shape.window();
    for (int h = 0; h < shape.layout().queryHeads(); h++) {
      float[] probabilities = pass.probabilities(h).elements();
      for (int i = 0; i < shape.tokens(); i++) {
        for (int j = 0; j < shape.tokens(); j++) {
          float probability = probabilities[i * shape.tokens() + j];
          if (j > i || j <= i - window) {
            assertThat(probability).isZero();
          } else {
            assertThat(probability).isPositive();
          }
        }
      }
    }
  }

  private static double dot(FloatBlock a, double[][] b) {
    double sum = 0;
    for (int i = 0; i < a.elements().length; i++) {
      sum += a.elements()[i] * b[i / a.columns()][i % a.columns()];
    }
    return sum;
  }
}
