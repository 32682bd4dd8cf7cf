package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// A source in a folder of its own, converted through the front door, and what then lies on disk.
abstract class ConversionScenario {
  static final int SEED = 7;
  static final int WINDOW = 24;

  @TempDir Path scratch = Path.of("");
  Path from = scratch;
  Path to = scratch;

  @BeforeEach
  void writeSource() {
    from = scratch.resolve("source");
    to = scratch.resolve("target");
    Fixtures.write("llama-gqa", from, SEED);
  }

  static org.assertj.core.api.AbstractThrowableAssert<?, ?> assertRefused(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable conversion) {
    return assertThatThrownBy(conversion)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageNotContaining("\n");
  }

  void convert(ConversionRequest request, Path target, boolean overwrite) {
    try (Checkpoint source = Checkpoints.open(from)) {
      convert(source, request, target, overwrite);
    }
  }

  static ConversionPlan convert(
      Checkpoint source, ConversionRequest request, Path target, boolean overwrite) {
    ConversionPlan plan = Conversions.plan(source, request);
    var options = new ConversionOptions(FitOptions.NONE, 1, overwrite, false, "test");
    Conversions.convert(source, plan, Optional.empty(), target, options, Progress.NONE);
    return plan;
  }

  ConversionReport calibrated(ConversionRequest request, Path target) {
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, request);
      var windows =
          new TokenWindows("random", "none", WINDOW, InMemory.windows(plan.source(), 12, WINDOW));
      var options =
          new ConversionOptions(FitOptions.DEFAULT.withSteps(20), 1, false, false, "test");
      return Conversions.convert(
          source, plan, Optional.of(windows), target, options, Progress.NONE);
    }
  }

  static float[] logits(Path directory) {
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      return new Transformer(spec, checkpoint).logits(InMemory.tokens(spec, 2, WINDOW));
    }
  }

  /// Where the bytes of one of the source's tensors lie.
  Checkpoint.Location place(String tensor) {
    try (Checkpoint source = Checkpoints.open(from)) {
      return source.locate(tensor);
    }
  }

  /// Overwrites one BF16 element in the middle of a tensor with NaN.
  void poison(String tensor) throws IOException {
    Checkpoint.Location place = place(tensor);
    try (var data = new RandomAccessFile(place.file().toFile(), "rw")) {
      data.seek(place.offset() + place.bytes() / 4 * 2);
      data.write(new byte[] {(byte) 0xC0, 0x7F});
    }
  }

  static ByteBuffer raw(Checkpoint checkpoint, String tensor) {
    ByteBuffer bytes = ByteBuffer.allocate((int) checkpoint.locate(tensor).bytes());
    checkpoint.read(tensor, 0, bytes);
    return bytes.flip();
  }

  static List<String> names(Path directory) {
    try (Stream<Path> list = Files.list(directory)) {
      return list.map(path -> path.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /// Every file below a directory: short ones as they are, others as a hash.
  static Map<String, String> contents(Path directory) {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(directory)) {
      for (Path path : walk.filter(Files::isRegularFile).toList()) {
        byte[] bytes = Files.readAllBytes(path);
        contents.put(
            directory.relativize(path).toString(),
            bytes.length < 100
                ? new String(bytes, java.nio.charset.StandardCharsets.UTF_8)
                : bytes.length + " bytes of hash " + Arrays.hashCode(bytes));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return contents;
  }
}
