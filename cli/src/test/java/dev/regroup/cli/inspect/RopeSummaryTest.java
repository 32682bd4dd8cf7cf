package dev.regroup.cli.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.attention.Rope;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RopeSummaryTest {
  @Test
  void findsTheBaseOfStandardFrequencies() {
    RopeSummary summary = RopeSummary.of(Rope.standard(64, 500_000, false));
    assertThat(summary.kind()).isEqualTo("default");
    assertThat(summary.theta()).isCloseTo(500_000, within(1e-3));
    assertThat(summary.factor()).isCloseTo(1, within(1e-9));
  }

  @Test
  void findsTheFactorOfLinearScaling() {
    List<Double> slower =
        Rope.standardFrequencies(32, 10_000).stream().map(frequency -> frequency / 4).toList();
    RopeSummary summary = RopeSummary.of(new Rope(slower, false, 1));
    assertThat(summary.kind()).isEqualTo("linear");
    assertThat(summary.factor()).isCloseTo(4, within(1e-9));
  }

  @ParameterizedTest
  @CsvSource({
    "llama-llama3, scaled",
    "llama-yarn, scaled",
    "llama-linear, linear",
    "qwen3, default"
  })
  void tellsTheKindsOfTheFixturesApart(String fixture, String kind) {
    Rope rope = Fixtures.spec(fixture).layers().getFirst().attention().rope();
    assertThat(RopeSummary.of(rope).kind()).isEqualTo(kind);
  }

  @Test
  void survivesAHeadWithoutRotation() {
    Rope none = new Rope(List.of(), false, 1);
    assertThat(RopeSummary.of(none).label(none)).isEqualTo("none");
  }
}
