package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.closedform.FactoredAttention.Biases;
import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Where steps go on through a norm, they begin at the layer that they had.
final class NormedStatesTest {
  static Stream<RandomLayers.Case> cases() {
    return RandomLayers.cases().filter(RandomLayers.Case::normed);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void beginNearTheLinearLayer(RandomLayers.Case shape) {
    var random = new RandomLayers(61);
    FactoredAttention linear = linear(random.layer(shape));
    Inputs inputs = random.inputs(shape);
    FloatBlock expected = new AttentionPass(linear, inputs).output();
    FloatBlock found = new AttentionPass(linear.withNorm(), inputs).output();
    double difference = 0;
    for (int i = 0; i < found.elements().length; i++) {
      difference += Math.pow(found.elements()[i] - expected.elements()[i], 2);
    }
    assertThat(difference / HostProblem.squares(expected.elements())).isBetween(1e-9, 1e-3);
  }

  /// The same maps, the last element of each latent left to the norm.
  private static FactoredAttention linear(FactoredAttention layer) {
    Extents extents = Extents.of(layer);
    int dim = extents.stateDim();
    float[] state = layer.state().clone();
    int in = state.length / (extents.states() * dim);
    for (int latent = 1; latent <= extents.states(); latent++) {
      Arrays.fill(state, (latent * dim - 1) * in, latent * dim * in, 0);
    }
    return new FactoredAttention(
        layer.spec(),
        layer.query(),
        state,
        layer.ropeKey(),
        withoutLast(layer.keyUp(), dim),
        withoutLast(layer.valueUp(), dim),
        layer.output(),
        Biases.none(),
        LatentNorm.NONE);
  }

  private static float[] withoutLast(float[] map, int dim) {
    float[] changed = map.clone();
    for (int i = dim - 1; i < changed.length; i += dim) {
      changed[i] = 0;
    }
    return changed;
  }
}
