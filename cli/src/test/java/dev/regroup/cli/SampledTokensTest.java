package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalLong;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What is asked for is sampled; what nobody asked for must not take hours.
final class SampledTokensTest {
  @ParameterizedTest
  @CsvSource({
    // statistics, fit, sampled; 64 and 128 by default, of which 50 are affordable
    ",, 50",
    "8,, 50",
    "60,, 60",
    "200,, 200",
    ", 0, 50",
    ", 30, 50",
    ", 90, 90",
    "8, 0, 8",
    "8, 300, 300",
    "8, 20, 20"
  })
  void capsOnlyWhatWasNotAskedFor(String statistics, String fit, long sampled) {
    assertThat(new SampledTokens(given(statistics), given(fit)).of(64, 128, most -> 50))
        .isEqualTo(sampled);
  }

  private static OptionalLong given(String number) {
    return number == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(number));
  }
}
