package dev.regroup.verify.judge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.verify.measure.Estimate;
import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.Status;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GateTest {
  private static final Estimate RATIO = new Estimate(1.02, 0.005, 1.01, 1.03, 16, 8000);

  @ParameterizedTest
  @CsvSource({
    "1.05, PASS",
    "1.03, PASS",
    "1.025, INCONCLUSIVE",
    "1.01, INCONCLUSIVE",
    "1.005, FAIL"
  })
  void needsTheUpperBoundBelowALimitAndTheLowerAboveToFail(double limit, Status expected) {
    assertThat(Gate.atMost("ratio", RATIO, limit, "test").status()).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"0.80, PASS", "0.85, PASS", "0.88, INCONCLUSIVE", "0.95, INCONCLUSIVE", "0.96, FAIL"})
  void mirrorsThatForALowerLimit(double limit, Status expected) {
    var share = new Estimate(0.9, 0.02, 0.85, 0.95, 16, 8000);
    assertThat(Gate.atLeast("top-1", share, limit, "test").status()).isEqualTo(expected);
  }

  @Test
  void saysHowMuchMoreTextWouldDecide() {
    Check check = Gate.atMost("ratio", RATIO, 1.025, "command line");
    // the margin of 0.01 must halve: four times the tokens
    assertThat(check.reason())
        .isEqualTo(
            "1.0200, bounds 1.0100 and 1.0300; limit at most 1.025 (command line);"
                + " needs about 24,000 more tokens");
    assertThat(check.value()).hasValue(1.02);
    assertThat(check.limit()).hasValue(1.025);
  }

  @Test
  void decidesNothingFromOneWindow() {
    var one = new Estimate(1, Double.NaN, Double.NaN, Double.NaN, 1, 500);
    Check check = Gate.atMost("ratio", one, 1.05, "test");
    assertThat(check.status()).isEqualTo(Status.INCONCLUSIVE);
    assertThat(check.reason()).contains("at least two windows");
  }

  @Test
  void failsWhatIsNotANumber() {
    var none = new Estimate(Double.NaN, Double.NaN, Double.NaN, Double.NaN, 4, 500);
    assertThat(Gate.atMost("ratio", none, 1.05, "test").status()).isEqualTo(Status.FAIL);
    assertThat(Gate.atLeast("top-1", none, 0.9, "test").status()).isEqualTo(Status.FAIL);
  }
}
