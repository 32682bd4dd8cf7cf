package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A real process, killed for real while it fits the second of two layers: the first is not fitted
/// again, the bytes are those of a run that nothing interrupted, and what it put aside is swept.
final class KilledFitTest {
  @TempDir private Path folder;
  private Path target = Path.of("");
  private Path aside = Path.of("");

  @BeforeEach
  void writeAModelAndAText() throws IOException {
    target = folder.resolve("target");
    aside = Files.createDirectory(folder.resolve("aside"));
    Fixtures.write("llama-gqa", folder.resolve("source"), 1, 2);
    Files.writeString(
        folder.resolve("text.txt"), "Two layers, and the second is never done. ".repeat(60));
  }

  @ParameterizedTest
  @ValueSource(strings = {"sequential", "parallel"})
  void goesOnBehindTheLastFinishedLayer(String mode) throws Exception {
    Process process = process(arguments(target, mode));
    Path journal = folder.resolve(".target.partial/journal.jsonl");
    long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (process.isAlive()
        && System.nanoTime() < patience
        && !(Files.exists(journal) && Files.readString(journal).contains("\"layer\":0"))) {
      Thread.sleep(2);
    }
    process.destroyForcibly().waitFor();
    assertThat(target).doesNotExist();
    String finished = Files.readString(journal);
    assertThat(finished).contains("\"layer\":0").doesNotContain("\"layer\":1");
    assertThat(names(aside)).as("put aside by the killed process").hasSize(1);

    Run resumed = Run.of(arguments(target, mode).toArray());
    assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    assertThat(names(aside)).as("put aside, resumed").isEmpty();
    Path undisturbed = folder.resolve("undisturbed");
    Run whole = Run.of(arguments(undisturbed, mode).toArray());
    assertThat(whole.exitCode()).as(whole.err()).isZero();
    assertThat(names(aside)).as("put aside, undisturbed").isEmpty();
    assertThat(names(target)).isEqualTo(names(undisturbed));
    for (String name : names(target)) {
      assertThat(Files.mismatch(target.resolve(name), undisturbed.resolve(name)))
          .as(name)
          .isEqualTo(-1);
    }
  }

  private List<Object> arguments(Path into, String mode) {
    List<Object> line = new ArrayList<>(List.of("convert", folder.resolve("source"), into));
    line.addAll(List.of("--to", "gla", "--calibration", folder.resolve("text.txt")));
    line.addAll(List.of("--fit-steps", 12, "--fit-batch", 2, "--fit-mode", mode));
    line.addAll(List.of("--memory", 0, "--scratch", aside, "--device", "cpu", "--resume"));
    return line;
  }

  private static Process process(List<Object> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        Arrays.asList(
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName()));
    arguments.stream().map(Object::toString).forEach(command::add);
    return new ProcessBuilder(command)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static List<String> names(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(path -> path.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
