package dev.regroup.cli.demo;

import dev.regroup.converters.ConversionOptions;
import dev.regroup.converters.Conversions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.text.TokenWindows;
import dev.regroup.verify.Verifier;
import dev.regroup.verify.VerifyOptions;
import dev.regroup.verify.report.VerificationReport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/// Converts the bundled trained models, calibrated on bundled text, and verifies each on bundled text
/// that neither training nor calibration saw.
///
/// @param folder where models, texts and reports are left, to be looked at
/// @param extent how much text is read
/// @param options of every conversion
/// @param device verifies; closed by the caller
/// @param notice told what is going on
/// @param keep told of every report, with the folder to keep it in
public record Demonstration(
    Path folder,
    Extent extent,
    ConversionOptions options,
    Device device,
    Consumer<String> notice,
    BiConsumer<Path, VerificationReport> keep) {
  private static final int WINDOW_TOKENS = 256;

  /// The demo on the CPU.
  public Demonstration(
      Path folder,
      Extent extent,
      ConversionOptions options,
      Consumer<String> notice,
      BiConsumer<Path, VerificationReport> keep) {
    this(folder, extent, options, Device.cpu(), notice, keep);
  }

  /// How much text is read, tokens at most.
  public record Extent(long calibration, long heldout) {
    /// Enough for error bounds of a percent, and for two cores within three minutes.
    public static final Extent DEFAULT = new Extent(32_768, 16_384);
  }

  /// Runs all conversions of the demo.
  public List<DemoResult> run(Progress progress) {
    Path calibration = writeText("calibration");
    Path heldout = writeText("heldout");
    var results = new ArrayList<DemoResult>();
    for (DemoCase demoCase : DemoCase.ALL) {
      Path source = writeModel(demoCase.fixture());
      notice.accept("%s to %s".formatted(demoCase.fixture(), demoCase.request().target().label()));
      long begin = System.nanoTime();
      Path target = folder.resolve(demoCase.name());
      convert(source, target, demoCase, calibration, progress);
      VerificationReport report = verify(source, target, heldout, progress);
      keep.accept(folder.resolve("reports").resolve(demoCase.name()), report);
      double seconds = (System.nanoTime() - begin) * 1e-9;
      results.add(new DemoResult(demoCase.name(), demoCase.fixture(), report, seconds));
    }
    return results;
  }

  private void convert(
      Path source, Path target, DemoCase demoCase, Path calibration, Progress progress) {
    try (Checkpoint checkpoint = Checkpoints.open(source)) {
      ConversionPlan plan =
          Conversions.plan(checkpoint, demoCase.request(), options.fit(), WINDOW_TOKENS);
      TokenWindows windows =
          TokenWindows.read(checkpoint, calibration, WINDOW_TOKENS, extent.calibration(), true);
      Conversions.convert(checkpoint, plan, Optional.of(windows), target, options, progress);
    }
  }

  private VerificationReport verify(Path source, Path target, Path heldout, Progress progress) {
    try (Checkpoint before = Checkpoints.open(source);
        Checkpoint after = Checkpoints.open(target)) {
      TokenWindows windows =
          TokenWindows.read(before, heldout, WINDOW_TOKENS, extent.heldout(), false);
      return Verifier.verify(
          before, after, VerifyOptions.on(Optional.of(windows)), device, progress);
    }
  }

  /// A model of an earlier run is used again: it is never changed, and can be told to be whole.
  private Path writeModel(String fixture) {
    Path model = folder.resolve(fixture);
    if (!Files.exists(model)) {
      Path partial = folder.resolve("." + fixture + ".partial");
      try {
        deleteFlat(partial);
        Fixtures.write(fixture, partial, options.seed());
        Files.move(partial, model);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return model;
  }

  private static void deleteFlat(Path directory) throws IOException {
    if (Files.isDirectory(directory)) {
      try (var files = Files.newDirectoryStream(directory)) {
        for (Path file : files) {
          Files.delete(file);
        }
      }
      Files.delete(directory);
    }
  }

  private Path writeText(String name) {
    try {
      Files.createDirectories(folder);
      return Files.writeString(folder.resolve(name + ".txt"), Fixtures.text(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
