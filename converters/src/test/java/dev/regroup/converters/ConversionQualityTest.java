package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What conversions make of trained models: perplexity on text that they were not calibrated on, over the
/// source's. Bounds are for regressions; `bench/quality.md` has the numbers of the whole protocol.
final class ConversionQualityTest {
  private static final int WINDOW = 512;

  @ParameterizedTest(name = "{0} to {1}")
  @CsvSource({
    "dsv2-mla, GLA, 20, 16384, 32, 1.01",
    "llama-gqa, GTA, 0, 8192, 8, 1.25",
    "llama-gqa, GLA, 0, 8192, 8, 1.12"
  })
  void losesLittle(
      String model,
      TargetLayout layout,
      int fitSteps,
      int calibrationTokens,
      int heldout,
      double bound,
      @TempDir Path scratch) {
    Path directory = SharedFolder.require("checkpoints/" + model);
    Path calibration = SharedFolder.require("text/calibration.txt");
    Path text = SharedFolder.require("text/heldout.txt");
    Path target = scratch.resolve("target");
    try (Checkpoint source = Checkpoints.open(directory)) {
      ConversionPlan plan = Conversions.plan(source, ConversionRequest.to(layout));
      TokenWindows windows =
          TokenWindows.read(source, calibration, WINDOW, calibrationTokens, true);
      FitOptions fit = FitOptions.DEFAULT.withSteps(fitSteps);
      var options = new ConversionOptions(fit, 1, false, false, "test");
      Conversions.convert(source, plan, Optional.of(windows), target, options, Progress.NONE);
      List<int[]> tested =
          TokenWindows.read(source, text, WINDOW, (long) heldout * WINDOW, false).windows();
      try (Checkpoint converted = Checkpoints.open(target)) {
        double before = Surprise.mean(plan.source(), source, tested);
        double after = Surprise.mean(Checkpoints.describe(converted), converted, tested);
        assertThat(Math.exp(after - before)).isBetween(0.99, bound);
      }
    }
  }
}
