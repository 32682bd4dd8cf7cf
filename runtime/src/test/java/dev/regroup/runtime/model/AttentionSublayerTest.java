package dev.regroup.runtime.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.decode.LayerDecoder;
import dev.regroup.runtime.decode.ScalarDecodeKernel;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.ScalarProducts;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class AttentionSublayerTest {
  private static final int TOKENS = 150; // more than a tile of queries and two pages of cache

  static Stream<AttentionSpec> specs() {
    return RandomAttention.specs();
  }

  private static float[] input() {
    return RandomAttention.gaussian(new Random(3), TOKENS * RandomAttention.HIDDEN, 1);
  }

  @ParameterizedTest
  @MethodSource("specs")
  void computesWhatTheDefinitionComputes(AttentionSpec spec) {
    float[] fast = RandomAttention.sublayer(spec, Operations.fast()).forward(input(), TOKENS);
    float[] slow = RandomAttention.sublayer(spec, Operations.scalar()).forward(input(), TOKENS);
    assertClose(fast, slow, 1e-4);
  }

  @ParameterizedTest
  @MethodSource("specs")
  void decodesToWhatPrefillGives(AttentionSpec spec) {
    for (DecodeKernel kernel : new DecodeKernel[] {new ScalarDecodeKernel(), DecodeKernel.fast()}) {
      AttentionSublayer attention = RandomAttention.sublayer(spec, Operations.fast());
      var decoder = new LayerDecoder(attention, kernel);
      float[] decoded = new float[0];
      int first = 0;
      for (int tokens : new int[] {1, 1, 70, 1, TOKENS - 73}) {
        int end = first + tokens;
        float[] x =
            Arrays.copyOfRange(
                input(), first * RandomAttention.HIDDEN, end * RandomAttention.HIDDEN);
        float[] part = decoder.append(x, tokens);
        decoded = Arrays.copyOf(decoded, end * RandomAttention.HIDDEN);
        System.arraycopy(part, 0, decoded, first * RandomAttention.HIDDEN, part.length);
        first = end;
      }
      assertClose(decoded, attention.forward(input(), TOKENS), 1e-4);
      assertThat(decoder.cache().tokens()).isEqualTo(TOKENS);
    }
  }

  @ParameterizedTest
  @MethodSource("specs")
  void givesProbabilitiesThatEndAtTheDiagonalAndBeginAtTheWindow(AttentionSpec spec) {
    AttentionSublayer attention = RandomAttention.sublayer(spec, Operations.fast());
    int tokens = 9;
    Projected rotated = attention.rotate(attention.project(input(), TOKENS), 0);
    Projected few =
        new Projected(
            tokens,
            Arrays.copyOf(rotated.queries(), rotated.queries().length / TOKENS * tokens),
            Arrays.copyOf(rotated.rows(), rotated.rows().length / TOKENS * tokens));
    float[] probabilities = attention.probabilities(few, 1);
    for (int i = 0; i < tokens; i++) {
      double sum = 0;
      for (int j = 0; j < tokens; j++) {
        float p = probabilities[i * tokens + j];
        boolean seen = j <= i && (spec.window() == 0 || j > i - spec.window());
        assertThat(p > 0).as("%d sees %d", i, j).isEqualTo(seen);
        sum += p;
      }
      assertThat(sum).isEqualTo(1, within(1e-6));
    }
  }

  @ParameterizedTest
  @MethodSource("specs")
  void scoresDependOnDistanceAlone(AttentionSpec spec) {
    AttentionSublayer attention = RandomAttention.sublayer(spec, Operations.fast());
    Projected projected = attention.project(input(), TOKENS);
    float[] near = attention.probabilities(attention.rotate(projected, 0), 0);
    float[] far = attention.probabilities(attention.rotate(projected, 1000), 0);
    assertClose(far, near, 1e-4);
  }

  @Test
  void givesTheSameBitsFromOneThreadAndFromMany() {
    AttentionSublayer attention =
        RandomAttention.sublayer(specs().skip(7).findFirst().orElseThrow(), Operations.fast());
    float[] alone = attention.forward(input(), TOKENS);
    float[][] together = new float[32][];
    Parallel.forEach(together.length, i -> together[i] = attention.forward(input(), TOKENS));
    for (float[] one : together) {
      assertThat(one).containsExactly(alone);
    }
  }

  @Test
  void namesTheWeightThatIsMissing() {
    AttentionSpec spec = RandomAttention.specs().findFirst().orElseThrow();
    var weights = RandomAttention.weights(spec, 1);
    weights.remove(AttentionTensor.V_PROJ);
    assertThatThrownBy(() -> AttentionSublayers.of(spec, RandomAttention.HIDDEN, 1e-5, weights))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("v_proj.weight: expected [32, 40], found none");
  }

  @Test
  void formsHeadsFromProbabilitiesAndValues() {
    AttentionSpec spec = RandomAttention.specs().findFirst().orElseThrow(); // 4 heads of 8, MHA
    AttentionSublayer attention = RandomAttention.sublayer(spec, Operations.fast());
    Projected rotated = attention.rotate(attention.project(input(), TOKENS), 0);
    FloatBlock values = FloatBlock.of(TOKENS, 64, rotated.rows()).columns(3 * 16 + 8, 8);
    FloatBlock expected = FloatBlock.zeros(TOKENS, 8);
    new ScalarProducts()
        .multiply(
            Form.PLAIN,
            1,
            FloatBlock.of(TOKENS, TOKENS, attention.probabilities(rotated, 3)),
            values,
            0,
            expected);
    float[] heads = attention.heads(rotated);
    for (int t = 0; t < TOKENS; t++) {
      for (int i = 0; i < 8; i++) {
        assertThat(heads[t * 32 + 24 + i]).isEqualTo(expected.elements()[t * 8 + i], within(1e-5f));
      }
    }
  }

  private static void assertClose(float[] actual, float[] expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    double worst = 0;
    for (int i = 0; i < actual.length; i++) {
      worst = Math.max(worst, Math.abs((double) actual[i] - expected[i]));
      assertThat(actual[i]).isNotNaN();
    }
    assertThat(worst).isLessThan(tolerance);
  }
}
