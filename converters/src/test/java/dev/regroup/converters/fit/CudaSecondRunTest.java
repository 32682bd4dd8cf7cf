package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.regroup.converters.ConversionOptions;
import dev.regroup.converters.Conversions;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.report.FitOutcome;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.cuda.CudaBackend;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The second run of a layer's fit on a GPU, within a whole conversion: at this rate no step of the
/// first layer helps, at a quarter of it some do.
final class CudaSecondRunTest {
  private static final int WINDOW = 48;
  private static final FitOptions FIT = FitOptions.DEFAULT.withSteps(40).withRate(0.4);

  @TempDir private Path scratch;

  @Test
  void comesToWhatTheProcessorComesTo() {
    try (CudaContext context = open();
        var backend = new CudaBackend(context, Precision.FLOAT32)) {
      FitOutcome device = fitted(backend, "cuda");
      FitOutcome host = fitted(Backend.cpu(), "cpu");
      assertThat(device.bestStep()).isPositive();
      assertThat(device.after()).isLessThan(device.before());
      assertThat(device.before()).isCloseTo(host.before(), withinPercentage(0.01));
      // forty steps of this length part from each other's roundings
      assertThat(device.before() - device.after())
          .isCloseTo(host.before() - host.after(), withinPercentage(10));
    }
  }

  private static CudaContext open() {
    try {
      return CudaContext.open(CudaDevice.at(0), OptionalLong.empty());
    } catch (DeviceException e) {
      return abort(e.getMessage());
    }
  }

  /// What became of the first layer.
  private FitOutcome fitted(Backend backend, String name) {
    Path model = scratch.resolve("source of " + name);
    Fixtures.write("llama-gqa", model, 5);
    try (Checkpoint source = Checkpoints.open(model)) {
      var random = new Random(3);
      int vocabulary = Checkpoints.describe(source).vocabularySize();
      List<int[]> text =
          IntStream.range(0, 48)
              .mapToObj(w -> random.ints(WINDOW, 0, vocabulary).toArray())
              .toList();
      return Conversions.convert(
              source,
              Conversions.plan(source, ConversionRequest.to(TargetLayout.GTA), FIT, WINDOW),
              Optional.of(new TokenWindows("random", "", WINDOW, text)),
              scratch.resolve(name),
              new ConversionOptions(FIT, 1, false, false, "test").on(backend),
              Progress.NONE)
          .layers()
          .getFirst()
          .fit()
          .orElseThrow();
    }
  }
}
