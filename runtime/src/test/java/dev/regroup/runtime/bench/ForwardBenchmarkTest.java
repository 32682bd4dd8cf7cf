package dev.regroup.runtime.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/// Runs the benchmark when asked: `-Dregroup.bench=true`. Timings depend on what else the machine
/// does, so that no build does it by itself.
final class ForwardBenchmarkTest {
  @Test
  @EnabledIfSystemProperty(
      named = "regroup.bench",
      matches = "true",
      disabledReason = "measures only with -Dregroup.bench=true")
  void isThreeTimesAsFastAsTheDefinition() throws RunnerException {
    var results =
        new Runner(new OptionsBuilder().include(ForwardBenchmark.class.getName()).build()).run();
    double scalar = 0;
    double fast = 0;
    for (var result : results) {
      double milliseconds = result.getPrimaryResult().getScore();
      if (result.getParams().getParam("operations").equals("scalar")) {
        scalar = milliseconds;
      } else {
        fast = milliseconds;
      }
    }
    assertThat(scalar).isGreaterThan(3 * fast);
  }
}
