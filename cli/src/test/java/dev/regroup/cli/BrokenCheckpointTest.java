package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.BrokenCheckpoint;
import dev.regroup.fixtures.BrokenCheckpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every way a model can be wrong: one line, its exit code, nothing left behind.
final class BrokenCheckpointTest {
  @TempDir private Path folder;

  static Stream<BrokenCheckpoint> seenInHeaders() {
    return BrokenCheckpoints.all().stream().filter(BrokenCheckpoint::headersShowIt);
  }

  static List<BrokenCheckpoint> all() {
    return BrokenCheckpoints.all();
  }

  @ParameterizedTest
  @MethodSource("seenInHeaders")
  void isNamedByInspect(BrokenCheckpoint broken) {
    broken.write(folder.resolve("model"));
    assertNamed(broken, Run.of("inspect", folder.resolve("model")));
  }

  @ParameterizedTest
  @MethodSource("all")
  void isRefusedByConvertWithNothingLeftBehind(BrokenCheckpoint broken) throws IOException {
    broken.write(folder.resolve("model"));
    assertNamed(
        broken,
        Run.of("convert", folder.resolve("model"), folder.resolve("out"), "--to", "gta", "-q"));
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left.filter(path -> !path.toString().endsWith(".lock")))
          .containsExactly(folder.resolve("model"));
    }
  }

  private static void assertNamed(BrokenCheckpoint broken, Run run) {
    assertThat(run.errLines()).as(run.err()).hasSize(1);
    assertThat(run.err()).startsWith("regroup: ").contains(broken.message());
    assertThat(run.exitCode()).isEqualTo(broken.kind().exitCode());
    assertThat(run.out()).isEmpty();
  }
}
