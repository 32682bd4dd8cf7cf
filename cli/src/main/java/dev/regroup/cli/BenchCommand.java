package dev.regroup.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `bench`: what is fast on this machine, and how fast.
@Command(
    name = "bench",
    header = "Measure this machine's speed.",
    description = "Prints measured numbers; see the subcommands.",
    footer = {
      "  regroup bench forward --device cuda",
      "  regroup bench decode",
      "  regroup bench step"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class BenchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /// Without a subcommand: what there is to choose from.
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }
}
