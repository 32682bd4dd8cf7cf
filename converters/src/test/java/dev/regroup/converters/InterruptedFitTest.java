package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.converters.FaultyDisk.Killed;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.fit.FitOptions.Mode;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.write.Continuation;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A conversion that ends within a layer's fit, or between two layers', goes on at the first layer that
/// is not finished and gives the bytes of a run that nothing interrupted; what it put aside is gone.
final class InterruptedFitTest extends ConversionScenario {
  private Path aside = Path.of("");

  @BeforeEach
  void makeAPlaceForWhatIsPutAside() throws IOException {
    aside = Files.createDirectory(scratch.resolve("aside"));
  }

  @ParameterizedTest
  @CsvSource({
    "SEQUENTIAL, layer 2: error, 3",
    "SEQUENTIAL, layer 1: predicted, 1",
    "PARALLEL, layer 2: error, 3",
    "PARALLEL, layer 1: predicted, 1"
  })
  void goesOnAtTheFirstLayerThatIsNotFinished(Mode mode, String moment, int time) {
    Path undisturbed = scratch.resolve("undisturbed");
    run(mode, undisturbed, new Heard("", 0));
    Map<String, String> whole = contents(undisturbed);

    assertThatThrownBy(() -> run(mode, to, new Heard(moment, time))).isInstanceOf(Killed.class);
    assertThat(to).doesNotExist();
    assertThat(names(aside)).isEmpty();

    var resumed = new Heard("", 0);
    run(mode, to, resumed);
    assertThat(contents(to)).isEqualTo(whole);
    assertThat(names(aside)).isEmpty();
    assertThat(resumed.details)
        .noneMatch(detail -> detail.startsWith("layer 0: error"))
        .noneMatch(detail -> detail.startsWith("layer 1: error"))
        .anyMatch(detail -> detail.startsWith("layer 2: error"));
  }

  private void run(Mode mode, Path target, Progress progress) {
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, ConversionRequest.to(TargetLayout.GLA));
      var text =
          new TokenWindows("random", "none", WINDOW, InMemory.windows(plan.source(), 12, WINDOW));
      FitOptions fit = FitOptions.DEFAULT.withSteps(6).withMode(mode).withMemory(0);
      var options = new ConversionOptions(fit, 1, false, false, "test").spillingTo(aside);
      WriteOptions writing = WriteOptions.usual(false).with(Continuation.RESUME);
      Conversions.convert(source, plan, Optional.of(text), target, options, writing, progress);
    }
  }

  /// Ends the run where it hears of something for the n-th time, and looks that activations lie where
  /// they should until then.
  private final class Heard implements Progress {
    final List<String> details = new ArrayList<>();
    private final String moment;
    private int left;

    Heard(String moment, int time) {
      this.moment = moment;
      left = time;
    }

    @Override
    public void begin(String stage, long total) {}

    @Override
    public void advance(long done, String detail) {
      details.add(detail);
      if (detail.contains(": error")) {
        assertThat(names(aside)).as("put aside").hasSize(1);
      }
      if (left > 0 && detail.startsWith(moment) && --left == 0) {
        throw new Killed();
      }
    }
  }
}
