package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.fit.Refit;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Refits are tried on windows that they have not seen, and dropped where there are none to spare.
final class RefitOnTrialTest {
  private static final int WINDOW = 48;

  @Test
  void leavesTheClosedFormWhereTextIsTooShortToTryARefit(@TempDir Path scratch) {
    for (LayerReport layer : converted(3, scratch).layers()) {
      assertThat(layer.measuredError()).isEqualTo(layer.unrefinedError());
    }
  }

  @Test
  void lowersTheErrorWhereThereIsTextEnough(@TempDir Path scratch) {
    LayerReport first = converted(48, scratch).layers().getFirst();
    assertThat(first.measuredError().orElseThrow())
        .isLessThan(first.unrefinedError().orElseThrow());
  }

  private static ConversionReport converted(int windows, Path scratch) {
    Path model = scratch.resolve("source");
    Fixtures.write("llama-gqa", model, 5);
    try (Checkpoint source = Checkpoints.open(model)) {
      var random = new Random(3);
      int vocabulary = Checkpoints.describe(source).vocabularySize();
      List<int[]> text =
          IntStream.range(0, windows)
              .mapToObj(w -> random.ints(WINDOW, 0, vocabulary).toArray())
              .toList();
      return Conversions.convert(
          source,
          Conversions.plan(source, ConversionRequest.to(TargetLayout.GTA)),
          Optional.of(new TokenWindows("random", "", WINDOW, text)),
          scratch.resolve("target"),
          new ConversionOptions(Refit.Effort.DEFAULT, 1, false, false, "test"),
          Progress.NONE);
    }
  }
}
