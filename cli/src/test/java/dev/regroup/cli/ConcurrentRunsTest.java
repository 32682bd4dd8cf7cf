package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Several processes at one target: one of them writes it, the others say so and leave.
@Timeout(120)
final class ConcurrentRunsTest extends ProcessScenario {
  @Test
  void refusesASecondRunAndFinishesTheFirst() throws Exception {
    try (HeldProcess first = HeldProcess.at("converting layers", convert(target))) {
      Process second = start(convert(target, "-q"));
      String said = new String(second.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(second.waitFor()).isEqualTo(ExitCode.IO);
      // the launcher would keep the JVM's own warning to itself
      assertThat(said.lines().filter(line -> !line.startsWith("WARNING: ")))
          .singleElement()
          .asString()
          .startsWith("regroup: " + target + ": another run is writing it -> ");
      for (String option : List.of("--resume", "--restart", "--overwrite")) {
        assertRefused("another run is writing it", convert(target, option));
      }
      // this one waits a little, since another part would begin in no time
      Process part = start(convert(target, "--part", "1/2"));
      assertThat(first.goOn()).isZero();
      assertThat(part.waitFor()).isEqualTo(ExitCode.IO);
    }
    requireWhole();
  }

  @Test
  void refusesWholeRunsMergesAndTheSamePartWhileAPartRuns() throws Exception {
    try (HeldProcess first = HeldProcess.at("converting layers", convert(target, part("1/2")))) {
      for (String option : List.of("--resume", "--restart", "--overwrite")) {
        assertRefused("part 1/2 of it is being converted -> ", convert(target, option));
      }
      assertRefused("part 1/2 of it is being converted -> ", "merge", target);
      for (String option : List.of("--resume", "--restart", "--overwrite")) {
        assertRefused(
            "part 1/2 of it is being converted already -> ", convert(target, part("1/2", option)));
      }
      assertDone(convert(target, part("2/2")));
      assertRefused("part 1/2 of it is being converted -> ", "merge", target);
      assertThat(first.goOn()).isZero();
    }
    assertDone("merge", target, "-q");
    requireWhole();
  }

  @Test
  void goesOnWithAPartThatWasKilledBesideOthers() throws Exception {
    Process first = start(convert(target, part("1/3")));
    // before its layers are: behind them, its files may complete by themselves
    try (HeldProcess second = HeldProcess.at("converting layers", convert(target, part("2/3")))) {
      Process third = start(convert(target, part("3/3")));
      second.kill();
      assertThat(first.waitFor()).isZero();
      assertThat(third.waitFor()).isZero();
    }
    assertRefused("part 2/3 is not done: ", "merge", target);
    assertThat(target).doesNotExist();
    assertDone(convert(target, part("2/3", "--resume")));
    assertDone("merge", target, "-q");
    requireWhole();
  }

  @Test
  void leavesNothingWhereItIsToldToEndBeforeAnythingIsDone() throws Exception {
    try (HeldProcess run = HeldProcess.at("converting layers", convert(target))) {
      assertThat(run.terminate()).isNotZero();
    }
    assertThat(names()).containsExactly("source");
  }

  @Test
  void keepsWhatIsDoneWhereItIsToldToEnd() throws Exception {
    try (HeldProcess run = HeldProcess.at("copying unchanged tensors", convert(target))) {
      assertThat(run.terminate()).isNotZero();
    }
    assertThat(names()).containsExactlyInAnyOrder("source", ".target.partial");
    assertDone(convert(target, "--resume"));
    requireWhole();
  }

  private static Object[] part(String part, Object... more) {
    return join(new Object[] {"--part", part}, more);
  }

  private void assertDone(Object... line) {
    Run run = Run.of(line);
    assertThat(run.exitCode()).as(run.err()).isZero();
  }

  private void assertRefused(String why, Object... line) throws IOException {
    List<String> before = models();
    Run run = Run.of(join(line, "-q"));
    assertThat(run.exitCode()).as(run.err()).isEqualTo(ExitCode.IO);
    assertThat(run.out()).isEmpty();
    assertThat(run.errLines())
        .singleElement()
        .asString()
        .startsWith("regroup: " + target + ": " + why);
    assertThat(models()).isEqualTo(before);
  }

  /// All but locks: that of a killed process is taken away by whoever comes next.
  private List<String> models() throws IOException {
    return names().stream().filter(name -> !name.endsWith(".lock")).toList();
  }
}
