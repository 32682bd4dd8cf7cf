package dev.regroup.verify.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class EstimateTest {
  private static final ClusteredMean MEAN = new ClusteredMean(0.02, 0.004, 11, 1000);

  @Test
  void boundsAMeanByStudentsT() {
    Estimate estimate = Estimate.ofMean(MEAN);
    // t(0.95, 10) = 1.8125
    assertThat(estimate.upper()).isCloseTo(0.02 + 1.81246 * 0.004, within(1e-7));
    assertThat(estimate.lower()).isCloseTo(0.02 - 1.81246 * 0.004, within(1e-7));
  }

  @Test
  void boundsARatioOnTheLogarithmicScale() {
    Estimate ratio = Estimate.ofExponential(MEAN);
    assertThat(ratio.value()).isEqualTo(Math.exp(0.02));
    assertThat(ratio.standardError()).isCloseTo(Math.exp(0.02) * 0.004, within(1e-15));
    assertThat(ratio.upper()).isCloseTo(Math.exp(0.02 + 1.81246 * 0.004), within(1e-7));
  }

  @Test
  void doesNotTakeAgreementOfEveryTokenForProof() {
    Estimate share = Estimate.ofShare(new ClusteredMean(1, 0, 4, 100));
    assertThat(share.value()).isEqualTo(1);
    assertThat(share.upper()).isEqualTo(1);
    // Wilson at p = 1: n / (n + z^2)
    assertThat(share.lower()).isCloseTo(100 / (100 + 1.64485 * 1.64485), within(1e-6));
  }

  @Test
  void saysHowManyMoreTokensWouldDecide() {
    // the margin is 0.00725; to resolve 0.003625 it must halve, which takes four times the tokens
    double limit = 0.02 + 1.8124611 * 0.004 / 2;
    assertThat(Estimate.ofMean(MEAN).tokensToDecide(limit)).isCloseTo(3000, within(2.0));
    assertThat(Estimate.ofMean(MEAN).tokensToDecide(0.02)).isInfinite();
  }

  @Test
  void hasNoBoundsFromOneWindow() {
    Estimate estimate = Estimate.ofMean(new ClusteredMean(0, Double.NaN, 1, 100));
    assertThat(estimate.upper()).isNaN();
    assertThat(estimate.tokensToDecide(0.5)).isInfinite();
  }

  @Test
  void isExactlyZeroWideWhereNothingDiffers() {
    Estimate ratio = Estimate.ofExponential(new ClusteredMean(0, 0, 4, 100));
    assertThat(ratio.value()).isEqualTo(1);
    assertThat(ratio.lower()).isEqualTo(1);
    assertThat(ratio.upper()).isEqualTo(1);
  }
}
