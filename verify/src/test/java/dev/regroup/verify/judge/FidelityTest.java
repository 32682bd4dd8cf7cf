package dev.regroup.verify.judge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.verify.measure.TokenScore;
import dev.regroup.verify.measure.WindowScores;
import dev.regroup.verify.report.Bucket;
import dev.regroup.verify.report.LogitFindings;
import java.util.List;
import org.junit.jupiter.api.Test;

class FidelityTest {
  @Test
  void averagesTokensOfAllWindows() {
    LogitFindings found = Fidelity.of(List.of(window(300, 1.0), window(300, 1.2)));
    assertThat(found.sourcePerplexity().value()).isCloseTo(Math.exp(2), within(1e-9));
    assertThat(found.perplexityRatio().value()).isCloseTo(Math.exp(1.1), within(1e-9));
    // two windows that differ by 0.2 in their means: standard error 0.1, of the ratio times itself
    assertThat(found.perplexityRatio().standardError())
        .isCloseTo(0.1 * Math.exp(1.1), within(1e-9));
    assertThat(found.klPercentiles().get(100.0)).isEqualTo(2.99);
    assertThat(found.klPercentiles().keySet())
        .containsExactly(1.0, 5.0, 10.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0);
  }

  @Test
  void sortsTokensByPositionInDoublingBuckets() {
    LogitFindings found = Fidelity.of(List.of(window(300, 1), window(300, 1)));
    assertThat(found.byPosition())
        .extracting(Bucket::label)
        .containsExactly("0-127", "128-255", "256-511");
    assertThat(found.byPosition()).extracting(Bucket::tokens).containsExactly(256L, 256L, 88L);
    // KL is position / 100
    assertThat(found.byPosition().getFirst().kl().value()).isCloseTo(0.635, within(1e-12));
  }

  @Test
  void sortsTokensByTheSourcesConfidence() {
    LogitFindings found = Fidelity.of(List.of(window(100, 1), window(100, 1)));
    assertThat(found.byConfidence())
        .extracting(Bucket::label)
        .containsExactly("0.25-0.50", "0.95-1.00");
    assertThat(found.byConfidence()).extracting(Bucket::top1).containsExactly(0.0, 1.0);
  }

  /// Even positions are sure and agree, odd ones are not.
  private static WindowScores window(int positions, double logRatio) {
    var window = new WindowScores(positions);
    for (int t = 0; t < positions; t++) {
      boolean sure = t % 2 == 0;
      window.set(
          t,
          new TokenScore(
              2, 2 + logRatio, t / 100.0, sure ? 1 : 0.3, sure, sure ? 1 : 0.4, true, true));
    }
    return window;
  }
}
