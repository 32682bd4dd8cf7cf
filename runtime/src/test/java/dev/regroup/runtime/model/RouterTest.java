package dev.regroup.runtime.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.architecture.Routing;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Choices worked out by hand: the gate is the identity, so that a token's logits are its input.
final class RouterTest {
  private static Router.Choice choose(Routing routing, float @Nullable [] bias, float... logits) {
    int n = logits.length;
    float[] identity = new float[n * n];
    for (int i = 0; i < n; i++) {
      identity[i * n + i] = 1;
    }
    return new Router(routing, new Linear(n, n, identity), bias)
        .choose(Operations.scalar(), logits, 1);
  }

  private static float log(double x) {
    return (float) Math.log(x);
  }

  @Test
  void softmaxWeighsByTheScoresOfAllExperts() {
    Router.Choice choice =
        choose(new Routing(2, 1, 1, false, false, false, 3), null, log(1), log(4), log(2), log(3));
    assertThat(choice.experts()).containsExactly(1, 3);
    assertThat(choice.weights()[0]).isEqualTo(3 * 0.4f, within(1e-6f));
    assertThat(choice.weights()[1]).isEqualTo(3 * 0.3f, within(1e-6f));
  }

  @Test
  void softmaxRanksGroupsByTheirBestExpert() {
    // the group of 9 wins over the group of 5 and 6, whose experts are both better than 1
    Router.Choice choice =
        choose(new Routing(2, 2, 1, false, false, false, 1), null, log(5), log(6), log(1), log(9));
    assertThat(choice.experts()).containsExactly(3, 2);
  }

  @Test
  void sigmoidRanksGroupsByTheirTwoBestTogether() {
    // 0.5 + 0.6 > 0.1 + 0.9
    Router.Choice choice =
        choose(
            new Routing(2, 2, 1, true, false, true, 2.5),
            null,
            log(1),
            log(0.6 / 0.4),
            log(0.1 / 0.9),
            log(0.9 / 0.1));
    assertThat(choice.experts()).containsExactly(1, 0);
    assertThat(choice.weights()[0]).isEqualTo((float) (2.5 * 0.6 / 1.1), within(1e-6f));
    assertThat(choice.weights()[1]).isEqualTo((float) (2.5 * 0.5 / 1.1), within(1e-6f));
  }

  @Test
  void correctionBiasChangesTheChoiceAndNotTheWeight() {
    Router.Choice choice =
        choose(
            new Routing(1, 1, 1, true, true, false, 1),
            new float[] {0, 5},
            log(0.9 / 0.1),
            log(0.2 / 0.8));
    assertThat(choice.experts()).containsExactly(1);
    assertThat(choice.weights()[0]).isEqualTo(0.2f, within(1e-6f));
  }

  @Test
  void choosesWithinALimitedGroupEvenBelowNegativeBiases() {
    // group 0 wins; its second expert has a corrected score below 0, and is chosen all the same
    Router.Choice choice =
        choose(
            new Routing(2, 2, 1, true, true, false, 1),
            new float[] {3, -1, 0, 0},
            log(0.9 / 0.1),
            log(0.2 / 0.8),
            log(1),
            log(1));
    assertThat(choice.experts()).containsExactly(0, 1);
  }
}
