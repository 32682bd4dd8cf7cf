package dev.regroup.formats.pytorch;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.regroup.formats.Bounds;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenFile;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/// Whatever a pickle's program does, it describes tensors that lie inside their storages or is
/// refused with one line.
///
/// How to search for more than the seeds: docs/fuzzing.md.
@Timeout(60)
final class PickleFuzzTest {
  private static final Path FILE = Path.of("fuzzed");

  static Stream<byte[]> seeds() {
    Stream<byte[]> written =
        Stream.of("views2.bin", "views5.bin", "linear.bin", "wrapped.bin", "module.bin")
            .map(PickleFuzzTest::pickle);
    return Stream.concat(
        written,
        Stream.of(
            Pickled.program().tensor("w", 4, 0, "2,2", "1,2").op(".").bytes(),
            Pickled.program().name("os", "system").text("ls").op("\u0085R.").bytes(),
            Pickled.program().op("}q\000").text("a").op("h\000s.").bytes()));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = "10m")
  void pickles(byte[] pickle) {
    Bounds.hold(pickle.length, () -> check(pickle));
  }

  private static void check(byte[] pickle) {
    try {
      var bytes = new PickleBytes(FILE + ": data.pkl", pickle, (16L << 20) + pickle.length);
      StateDict state = StateDict.of(FILE, PickleMachine.run(bytes));
      state.oddities().forEach(PickleFuzzTest::requireLine);
      state.tensors().forEach(PickleFuzzTest::checkTensor);
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).startsWith("fuzzed: ");
      requireLine(e.getMessage());
    }
  }

  private static void checkTensor(String name, Value.Tensor tensor) {
    StridedTensor view;
    try {
      view = StridedTensor.of(FILE, name, tensor, 16);
    } catch (CheckpointException e) {
      requireLine(e.getMessage());
      return;
    }
    long width = tensor.dtype().bits() / 8;
    if (view.info().bytes() > 0) {
      assertThat(view.offset()).isBetween(0L, 16 / width - 1);
    }
    if (view.isContiguous()) {
      assertThat(view.offset() * width + view.info().bytes()).isLessThanOrEqualTo(16);
    }
  }

  private static void requireLine(@Nullable String message) {
    assertThat(message).doesNotContain("\n").hasSizeLessThan(2000);
  }

  private static byte[] pickle(String name) {
    try {
      Path path =
          Path.of(Objects.requireNonNull(PickleFuzzTest.class.getResource(name), name).toURI());
      try (OpenFile file = OpenFile.open(ModelFile.of(path))) {
        return TorchZip.open(file).pickle(1 << 20);
      }
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }
}
