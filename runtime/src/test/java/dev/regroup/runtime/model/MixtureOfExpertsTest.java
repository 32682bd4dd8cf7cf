package dev.regroup.runtime.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.architecture.Routing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class MixtureOfExpertsTest {
  private static final int WIDTH = 6;
  private static final int TOKENS = 11;

  private static Linear linear(Random random, int in, int out) {
    return new Linear(in, out, RandomAttention.gaussian(random, in * out, 0.5));
  }

  private static GatedMlp mlp(Random random) {
    return new GatedMlp(
        linear(random, WIDTH, 5), linear(random, WIDTH, 5), linear(random, 5, WIDTH));
  }

  @Test
  void sumsTheChosenExpertsByWeightAndTheSharedOne() {
    var random = new Random(2);
    List<GatedMlp> experts = new ArrayList<>();
    for (int e = 0; e < 7; e++) {
      experts.add(mlp(random));
    }
    GatedMlp shared = mlp(random);
    var router =
        new Router(new Routing(3, 1, 1, false, false, false, 2), linear(random, WIDTH, 7), null);
    float[] x = RandomAttention.gaussian(random, TOKENS * WIDTH, 1);
    float[] y = new MixtureOfExperts(router, experts, shared).apply(Operations.fast(), x, TOKENS);

    Router.Choice choice = router.choose(Operations.scalar(), x, TOKENS);
    for (int t = 0; t < TOKENS; t++) {
      float[] row = Arrays.copyOfRange(x, t * WIDTH, (t + 1) * WIDTH);
      float[] expected = shared.apply(Operations.scalar(), row, 1);
      for (int k = 0; k < 3; k++) {
        float[] one = experts.get(choice.experts()[t * 3 + k]).apply(Operations.scalar(), row, 1);
        for (int i = 0; i < WIDTH; i++) {
          expected[i] += choice.weights()[t * 3 + k] * one[i];
        }
      }
      for (int i = 0; i < WIDTH; i++) {
        assertThat(y[t * WIDTH + i]).isEqualTo(expected[i], within(1e-5f));
      }
    }
  }
}
