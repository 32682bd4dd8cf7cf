package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// A small model that processes convert into one target, and what an undisturbed run makes of it.
abstract class ProcessScenario {
  @TempDir Path folder = Path.of("");
  Path source = folder;
  Path target = folder;
  Map<String, Integer> before = Map.of();
  Map<String, Integer> whole = Map.of();

  @BeforeEach
  void convertUndisturbed() throws IOException {
    source = folder.resolve("source");
    target = folder.resolve("target");
    Fixtures.write("llama-gqa", source, 1, 2);
    before = contents(source);
    Path undisturbed = folder.resolve("undisturbed");
    Run run = Run.of(convert(undisturbed, "-q"));
    assertThat(run.exitCode()).as(run.err()).isZero();
    whole = contents(undisturbed);
    delete(undisturbed);
  }

  /// The command line of the conversion.
  Object[] convert(Path into, Object... more) {
    return join(
        new Object[] {"convert", source, into, "--to", "gla", "--max-shard-size", "60kB"}, more);
  }

  static Object[] join(Object[] first, Object... more) {
    return Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray();
  }

  /// A real process with that command line.
  static Process start(Object... line) throws IOException {
    return new ProcessBuilder(HeldProcess.command(Main.class, line))
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  /// The target is what one undisturbed run makes, and all that there is.
  void requireWhole() throws IOException {
    assertThat(contents(target)).isEqualTo(whole);
    assertThat(contents(source)).isEqualTo(before);
    assertThat(names()).containsExactlyInAnyOrder("source", "target");
  }

  /// What lies in the folder.
  List<String> names() throws IOException {
    try (Stream<Path> left = Files.list(folder)) {
      return left.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  static Map<String, Integer> contents(Path directory) {
    Map<String, Integer> contents = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(directory)) {
      for (Path path : walk.filter(Files::isRegularFile).toList()) {
        contents.put(
            directory.relativize(path).toString(), Arrays.hashCode(Files.readAllBytes(path)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return contents;
  }

  static void delete(Path root) throws IOException {
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
