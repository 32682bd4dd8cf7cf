package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The real process, killed for real: at random moments, and where strace is there at system calls
/// that change the disk.
///
/// A few kills run with every build. All of them, each call of each kind until a run comes through:
///
/// ```
/// mvn -pl cli -am test -Dtest=KilledProcessTest -Dsurefire.failIfNoSpecifiedTests=false \
///     -Dregroup.kills=all
/// ```
final class KilledProcessTest {
  private static final List<String> CALLS =
      List.of(
          "fsync",
          "rename",
          "renameat2",
          "pwrite64",
          "copy_file_range",
          "unlink",
          "mkdir",
          "ftruncate",
          "write",
          "openat");

  /// Of the calls above, which one is killed in the short run.
  private static final Map<String, Integer> SHORT =
      Map.of("fsync", 3, "rename", 3, "copy_file_range", 2, "pwrite64", 5);

  private static final boolean ALL = System.getProperty("regroup.kills", "").equals("all");

  @TempDir private Path folder;
  private Path source = Path.of("");
  private Path target = Path.of("");
  private Map<String, Integer> before = Map.of();
  private Map<String, Integer> whole = Map.of();

  @BeforeEach
  void convertUndisturbed() {
    source = folder.resolve("source");
    target = folder.resolve("target");
    Fixtures.write("llama-gqa", source, 1, 2);
    before = contents(source);
    Path undisturbed = folder.resolve("undisturbed");
    Run run = Run.of(arguments(undisturbed));
    assertThat(run.exitCode()).as(run.err()).isZero();
    whole = contents(undisturbed);
    delete(undisturbed);
  }

  @Test
  void survivesKillsAtRandomMoments() throws Exception {
    long begin = System.nanoTime();
    assertThat(process(List.of()).waitFor()).isZero();
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
    check("a whole run");
    for (double share : ALL ? new double[] {.2, .4, .5, .6, .7, .8, .9, 1} : new double[] {.8}) {
      Process process = process(List.of());
      process.waitFor((long) (millis * share), TimeUnit.MILLISECONDS);
      process.destroyForcibly().waitFor();
      check("killed after %.0f %% of a run".formatted(share * 100));
    }
  }

  @Test
  void survivesKillsAtSystemCalls() throws Exception {
    assumeTrue(stracePresent(), "strace is not here, or may not trace");
    if (!ALL) {
      int few = 0;
      for (Map.Entry<String, Integer> call : SHORT.entrySet()) {
        few += killed(call.getKey(), call.getValue()) ? 1 : 0;
        check("killed at %s".formatted(call));
      }
      assertThat(few).isPositive(); // calls are counted for each thread: not every one need come
      return;
    }
    int kills = 0;
    for (String call : CALLS) {
      // every JVM opens and writes files before it gets to ours
      for (int n = 1; killed(call, n); n += call.equals("openat") ? 25 : 1) {
        check("killed at %s %d".formatted(call, n));
        kills++;
      }
      check("no kill at " + call);
    }
    assertThat(kills).isGreaterThan(50);
  }

  @Test
  void mergesPartsOfProcessesOfWhichOneWasKilled() throws Exception {
    List<Process> parts = new ArrayList<>();
    for (int part = 1; part <= 3; part++) {
      parts.add(process(List.of(), "--part", part + "/3", "--resume"));
    }
    parts.get(1).waitFor(400, TimeUnit.MILLISECONDS);
    parts.get(1).destroyForcibly().waitFor();
    assertThat(parts.get(0).waitFor()).isZero();
    assertThat(parts.get(2).waitFor()).isZero();
    Run early = Run.of("merge", target);
    assertThat(early.exitCode()).isEqualTo(ExitCode.IO);
    assertThat(early.errLines()).singleElement().asString().contains("part 2/3", "->");
    assertThat(target).doesNotExist();
    assertThat(process(List.of(), "--part", "2/3", "--resume").waitFor()).isZero();
    Run merge = Run.of("merge", target, "-q");
    assertThat(merge.exitCode()).as(merge.err()).isZero();
    assertThat(contents(target)).isEqualTo(whole);
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .containsExactlyInAnyOrder("source", "target");
    }
  }

  /// Runs a conversion that is killed at the n-th call of a thread; false where it came through.
  private boolean killed(String call, int n) throws Exception {
    List<String> strace =
        List.of(
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=" + call,
            "-e",
            "inject=%s:signal=KILL:when=%d".formatted(call, n));
    return process(strace).waitFor() != 0;
  }

  /// After a kill: nothing lost, nothing that only looks complete; then goes on, and cleans up.
  private void check(String kill) {
    assertThat(contents(source)).as("source, %s", kill).isEqualTo(before);
    if (Files.exists(target)) {
      assertThat(contents(target)).as("target, %s", kill).isEqualTo(whole);
    }
    List<Object> line = new ArrayList<>(List.of(arguments(target)));
    line.add("--resume");
    Run run = Run.of(line.toArray());
    assertThat(run.exitCode()).as("%s: %s", kill, run.err()).isZero();
    assertThat(contents(target)).as("resumed, %s", kill).isEqualTo(whole);
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .as("debris, %s", kill)
          .containsExactlyInAnyOrder("source", "target");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    delete(target);
  }

  private Object[] arguments(Path into) {
    return new Object[] {"convert", source, into, "--to", "gla", "--max-shard-size", "60kB", "-q"};
  }

  private Process process(List<String> before, String... more) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"));
    command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    Arrays.stream(arguments(target)).map(Object::toString).forEach(command::add);
    command.addAll(List.of(more));
    return new ProcessBuilder(command)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static boolean stracePresent() {
    try {
      return new ProcessBuilder("strace", "-f", "-qq", "-o", "/dev/null", "true").start().waitFor()
          == 0;
    } catch (IOException | InterruptedException e) {
      return false;
    }
  }

  private static Map<String, Integer> contents(Path directory) {
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

  private static void delete(Path root) {
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
