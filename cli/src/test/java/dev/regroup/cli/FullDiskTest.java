package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A real process that the system lets write no more: here by a limit on the size of files, which
/// needs no rights. (What a file system does that is really full was tried by hand: ADR 24.)
@Timeout(60)
final class FullDiskTest extends ProcessScenario {
  /// The shell's unit is 1024 bytes; the output has a file of more than 100 of them.
  private static final int LIMIT = 100;

  @Test
  void saysItInOneLineAndGoesOnOnceThereIsRoom() throws Exception {
    assumeTrue(limitsFiles(), "no bash that limits the size of files");
    Object[] line = {"convert", source, target, "--to", "gla", "-q"};
    Process limited = limited(HeldProcess.command(Main.class, line));
    String said = new String(limited.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(limited.waitFor()).as(said).isEqualTo(ExitCode.IO);
    assertThat(said.lines().filter(each -> !each.startsWith("WARNING: ")))
        .singleElement()
        .asString()
        .startsWith("regroup: " + folder)
        .contains("File too large");
    assertThat(names()).contains("source").isSubsetOf("source", ".target.partial");
    assertThat(contents(source)).isEqualTo(before);
    assertThat(Run.of(join(line, "--resume")).exitCode()).isZero();
    assertThat(names()).containsExactly("source", "target");
    var resumed = contents(target);
    delete(target);
    assertThat(Run.of(line).exitCode()).isZero();
    assertThat(resumed).isEqualTo(contents(target));
  }

  private static Process limited(List<String> command) throws IOException {
    List<String> shell =
        new ArrayList<>(List.of("bash", "-c", "ulimit -f " + LIMIT + " && exec \"$@\"", "bash"));
    shell.addAll(command);
    return new ProcessBuilder(shell).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
  }

  private static boolean limitsFiles() throws InterruptedException {
    try {
      return limited(List.of("true")).waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }
}
