package dev.regroup.verify.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class TokenScoreTest {
  @Test
  void agreesWithAHandComputedExample() {
    // p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4): KL = 1/2 ln 2 - 1/4 ln 2
    float[] source = {(float) Math.log(2), 0, 0};
    float[] target = {5, (float) (5 + Math.log(2)), 5};
    TokenScore score = TokenScore.of(source, target, 0, 3, 1);
    assertThat(score.sourceNll()).isCloseTo(Math.log(4), within(1e-7));
    assertThat(score.targetNll()).isCloseTo(Math.log(2), within(1e-6));
    assertThat(score.kl()).isCloseTo(Math.log(2) / 4, within(1e-6));
    assertThat(score.confidence()).isCloseTo(0.5, within(1e-7));
    assertThat(score.sameTop()).isFalse();
    assertThat(score.sharedTop()).isEqualTo(1);
  }

  @Test
  void readsTheRowItIsAskedFor() {
    float[] tile = {9, 0, 0, 0, 0, 7};
    TokenScore score = TokenScore.of(tile, tile, 1, 3, 2);
    assertThat(score.sourceNll()).isCloseTo(Math.log1p(2 * Math.exp(-7)), within(1e-12));
  }

  @Test
  void isExactlyZeroForEqualLogits() {
    float[] logits = random(1000, 3);
    TokenScore score = TokenScore.of(logits, logits.clone(), 0, 1000, 17);
    assertThat(score.kl()).isZero();
    assertThat(score.targetNll()).isEqualTo(score.sourceNll());
    assertThat(score.sameTop()).isTrue();
    assertThat(score.sharedTop()).isEqualTo(1);
  }

  @Test
  void isNeverNegativeForNearlyEqualLogits() {
    var random = new Random(5);
    for (int trial = 0; trial < 100; trial++) {
      float[] source = random(300, trial);
      float[] target = source.clone();
      for (int i = 0; i < target.length; i++) {
        target[i] += (float) (1e-6 * random.nextGaussian());
      }
      assertThat(TokenScore.of(source, target, 0, 300, 0).kl()).isBetween(0.0, 1e-10);
    }
  }

  @Test
  void survivesLogitsThatOverflowAnExponential() {
    float[] source = {5000, 4999, -5000};
    TokenScore score = TokenScore.of(source, source, 0, 3, 0);
    assertThat(score.sourceNll()).isCloseTo(Math.log1p(Math.exp(-1)), within(1e-9));
  }

  @Test
  void namesTheSideWhoseLogitsAreNoNumbers() {
    float[] good = {1, 2, 3};
    TokenScore score = TokenScore.of(good, new float[] {1, Float.NaN, 3}, 0, 3, 0);
    assertThat(score.sourceFinite()).isTrue();
    assertThat(score.targetFinite()).isFalse();
    assertThat(score.kl()).isNaN();
    float[] infinite = {1, 2, Float.NEGATIVE_INFINITY};
    assertThat(TokenScore.of(infinite, good, 0, 3, 0).sourceFinite()).isFalse();
  }

  @Test
  void findsTheMostLikelyTokensInOrder() {
    float[] logits = {0, 3, 1, 9, 3, -1, 2};
    assertThat(TopTokens.of(logits, 0, 7, 5)).containsExactly(3, 1, 4, 6, 2);
    assertThat(TopTokens.of(logits, 5, 2, 5)).containsExactly(1, 0);
  }

  private static float[] random(int size, int seed) {
    var random = new Random(seed);
    float[] logits = new float[size];
    for (int i = 0; i < size; i++) {
      logits[i] = (float) (3 * random.nextGaussian());
    }
    return logits;
  }
}
