package dev.regroup.cli;

import dev.regroup.cli.console.Terminal;
import java.io.PrintWriter;

/// Says that the process was interrupted, where it ends before its command did. The exit code is then
/// the platform's: 130 for an interrupt, 143 for a termination.
final class Ending {
  private final Thread hook;

  Ending(PrintWriter err, Terminal terminal) {
    hook =
        Thread.ofPlatform()
            .unstarted(
                () -> {
                  if (terminal.interactive()) {
                    err.println(); // ends the progress bar's line
                  }
                  err.println("regroup: interrupted");
                  err.flush();
                });
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /// The command ended by itself.
  void cancel() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      hook.interrupt(); // the process is ending already, and the hook has said so
    }
  }
}
