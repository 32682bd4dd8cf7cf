package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class HelpTest {
  private static final String COMMANDS = "inspect plan convert merge verify fixture demo bench";

  @Test
  void listsEveryCommandWithOneLineEach() {
    Run run = Run.of("--help");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
    for (String command : COMMANDS.split(" ", -1)) {
      assertThat(run.out()).containsPattern("(?m)^  " + command + " +[A-Z].*\\.$");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"inspect", "plan", "convert", "merge", "verify", "fixture", "demo", "bench"})
  void explainsACommandWithExamplesExitCodesAndTheCommonOptions(String command) {
    Run run = Run.of(command, "--help");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains("Usage: regroup " + command)
        .contains("Examples:\n  regroup ")
        .contains("Exit codes:")
        .contains("--json", "--quiet", "--stacktrace", "--help");
  }

  @Test
  void saysWhichVersionItIs() {
    assertThat(Run.of("--version").out())
        .startsWith("regroup ")
        .contains("Java " + Runtime.version());
  }

  @Test
  void printsTheHelpOnStandardErrorWhereNothingWasAsked() {
    Run run = Run.of();
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("Commands:");
  }

  @Test
  void answersAnUnknownOptionInOneLine() {
    Run run = Run.of("inspect", "somewhere", "--colour");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.out()).isEmpty();
    assertThat(run.errLines())
        .containsExactly(
            "regroup inspect: Unknown option: '--colour' -> see regroup inspect --help");
  }

  @Test
  void answersAnUnknownCommandInOneLine() {
    Run run = Run.of("inspekt");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines()).singleElement().asString().contains("inspekt", "regroup --help");
  }

  @Test
  void answersAMissingArgumentInOneLine() {
    Run run = Run.of("plan", "somewhere");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.errLines()).singleElement().asString().contains("--to");
  }
}
