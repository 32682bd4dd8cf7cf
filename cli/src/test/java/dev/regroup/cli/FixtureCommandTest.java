package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FixtureCommandTest {
  @TempDir private Path folder;

  @Test
  void listsEverySample() {
    Run run = Run.of("fixture", "--list");
    assertThat(run.exitCode()).isZero();
    for (Fixtures.Fixture fixture : Fixtures.all()) {
      assertThat(run.out()).contains(fixture.name(), fixture.description());
    }
  }

  @Test
  void writesTheSameBytesForTheSameSeedAndOthersForAnother() throws IOException {
    assertThat(Run.of("fixture", "qwen2", folder.resolve("a")).exitCode()).isZero();
    assertThat(Run.of("fixture", "qwen2", folder.resolve("b"), "--seed", "1").exitCode()).isZero();
    assertThat(Run.of("fixture", "qwen2", folder.resolve("c"), "--seed", "2").exitCode()).isZero();
    String weights = "model.safetensors";
    assertThat(Files.mismatch(folder.resolve("a/" + weights), folder.resolve("b/" + weights)))
        .isEqualTo(-1);
    assertThat(Files.mismatch(folder.resolve("a/" + weights), folder.resolve("c/" + weights)))
        .isNotEqualTo(-1);
  }

  @Test
  void asksForANameAndAFolder() {
    Run run = Run.of("fixture", "qwen2");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines()).singleElement().asString().contains("NAME and DIR", "--list");
  }

  @Test
  void saysWhichNamesThereAre() {
    Run run = Run.of("fixture", "gpt-5", folder.resolve("x"));
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines()).singleElement().asString().contains("gpt-5", "llama-gqa");
    assertThat(folder.resolve("x")).doesNotExist();
  }

  @Test
  void leavesAFullDirectoryAlone() throws IOException {
    Files.writeString(folder.resolve("mine.txt"), "mine");
    Run run = Run.of("fixture", "qwen2", folder);
    assertThat(run.exitCode()).isEqualTo(ExitCode.IO);
    assertThat(run.errLines()).hasSize(1);
    assertThat(folder).isDirectoryContaining("glob:**/mine.txt");
  }
}
