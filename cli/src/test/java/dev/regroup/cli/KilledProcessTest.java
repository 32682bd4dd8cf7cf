package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// The real process, killed for real: at random moments, and where strace is there at system calls
/// that change the disk.
///
/// A few kills run with every build. All of them, each call of each kind until a run comes through:
///
/// ```
/// mvn -pl cli -am test -Dtest=KilledProcessTest -Dsurefire.failIfNoSpecifiedTests=false \
///     -Dregroup.kills=all
/// ```
final class KilledProcessTest extends ProcessScenario {
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
    Map<String, Integer> kills = new TreeMap<>();
    for (String call : CALLS) {
      // every JVM opens and writes files before it gets to ours
      for (int n = 1; killed(call, n); n += call.equals("openat") ? 25 : 1) {
        check("killed at %s %d".formatted(call, n));
        kills.merge(call, 1, Integer::sum);
      }
      check("no kill at " + call);
      System.out.println("kills survived so far: " + kills);
    }
    assertThat(kills.values().stream().mapToInt(i -> i).sum()).isGreaterThan(50);
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
  private void check(String kill) throws IOException {
    assertThat(contents(source)).as("source, %s", kill).isEqualTo(before);
    if (Files.exists(target)) {
      assertThat(contents(target)).as("target, %s", kill).isEqualTo(whole);
    }
    Run run = Run.of(convert(target, "-q", "--resume"));
    assertThat(run.exitCode()).as("%s: %s", kill, run.err()).isZero();
    assertThat(contents(target)).as("resumed, %s", kill).isEqualTo(whole);
    assertThat(names()).as("debris, %s", kill).containsExactly("source", "target");
    delete(target);
  }

  private Process process(List<String> before) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.addAll(HeldProcess.command(Main.class, convert(target, "-q")));
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
}
