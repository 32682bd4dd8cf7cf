package dev.regroup.cli;

import dev.regroup.cli.console.Terminal;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/// Runs one command line and turns what it throws into one line and an exit code; nothing else.
public final class Main {
  private Main() {}

  /// The process's own command line.
  public static void main(String[] args) {
    var out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
    var err = new PrintWriter(StandardError.open(), true, StandardCharsets.UTF_8);
    Terminal terminal = Terminal.ofLauncher();
    var ending = new Ending(err, terminal);
    int exitCode = run(out, err, terminal, args);
    ending.cancel();
    System.exit(exitCode);
  }

  /// Runs a command line on streams of the caller's.
  ///
  /// @return the exit code
  public static int run(PrintWriter out, PrintWriter err, Terminal terminal, String... args) {
    var root = new RegroupCommand(terminal);
    var commandLine =
        new CommandLine(root)
            .addSubcommand(new InspectCommand(root))
            .addSubcommand(new PlanCommand(root))
            .addSubcommand(new ConvertCommand(root))
            .addSubcommand(new MergeCommand(root))
            .addSubcommand(new VerifyCommand(root))
            .addSubcommand(new FixtureCommand(root))
            .addSubcommand(new DemoCommand(root))
            .addSubcommand(
                new CommandLine(new BenchCommand())
                    .addSubcommand(new ForwardBenchCommand(root))
                    .addSubcommand(new StepBenchCommand(root))
                    .addSubcommand(new FitBenchCommand(root))
                    .addSubcommand(new StreamBenchCommand(root))
                    .addSubcommand(new DecodeBenchCommand(root)))
            .setOut(out)
            .setErr(err)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setAbbreviatedOptionsAllowed(false)
            .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
            .setParameterExceptionHandler(Main::misused)
            .setExecutionExceptionHandler(
                (exception, failed, parsed) -> failed(root, failed, exception));
    int exitCode = commandLine.execute(args);
    out.flush();
    err.flush();
    return exitCode;
  }

  private static int misused(ParameterException exception, String[] args) {
    CommandLine failed = exception.getCommandLine();
    String name = failed.getCommandSpec().qualifiedName();
    say(failed, "%s: %s -> see %s --help".formatted(name, exception.getMessage(), name));
    return ExitCode.USAGE;
  }

  private static int failed(RegroupCommand root, CommandLine failed, Throwable exception) {
    Failure failure = Failure.of(exception);
    say(failed, "regroup: " + failure.line());
    if (root.wantsStacktrace()) {
      exception.printStackTrace(failed.getErr());
    }
    return failure.exitCode();
  }

  private static void say(CommandLine failed, String line) {
    failed.getErr().println(Failure.oneLine(line));
  }
}
