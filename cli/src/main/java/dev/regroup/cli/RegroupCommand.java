package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.console.Terminal;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// `regroup`: the list of commands, and the options that all of them have.
@Command(
    name = "regroup",
    scope = ScopeType.INHERIT,
    mixinStandardHelpOptions = true,
    versionProvider = RegroupCommand.Version.class,
    sortOptions = false,
    usageHelpAutoWidth = true,
    descriptionHeading = "%n",
    header =
        "Gives trained language models a smaller KV cache, and proves what the result is worth.",
    description = {
      "Converts checkpoints with MHA, MQA, GQA or MLA attention to GTA or GLA attention: inspect"
          + " the source, plan the conversion, convert, verify. Results go to standard output;"
          + " notices, progress and errors to standard error."
    },
    synopsisSubcommandLabel = "COMMAND",
    parameterListHeading = "%nArguments:%n",
    optionListHeading = "%nOptions:%n",
    commandListHeading = "%nCommands:%n",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      " 0:done; for verify, the verdict is PASS",
      " 1:verify: the verdict is FAIL",
      " 2:the command line makes no sense",
      " 3:a checkpoint or a text is broken",
      " 4:well-formed, but nothing here reads or converts it",
      " 5:the device asked for is not here",
      " 6:verify: too little seen for a verdict",
      " 7:a file could not be read or written, or the disk is full",
      "70:a bug in Regroup, or too little memory",
      "130:interrupted"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  regroup demo                                    the whole flow on bundled models",
      "  regroup inspect /models/llama",
      "  regroup plan /models/llama --to gta",
      "  regroup convert /models/llama /models/llama-gta --to gta --calibration text.txt",
      "  regroup verify /models/llama /models/llama-gta --text heldout.txt"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class RegroupCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--json",
      scope = ScopeType.INHERIT,
      description =
          "Print the result as JSON on standard output; notices and progress stay on standard"
              + " error.")
  private boolean json;

  @Option(
      names = {"-q", "--quiet"},
      scope = ScopeType.INHERIT,
      description = "No notices and no progress; results and errors only.")
  private boolean quiet;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "After an error, say where in the program it came from.")
  private boolean stacktrace;

  private final Terminal terminal;

  RegroupCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /// The streams of one command; whoever opens them closes them.
  Console openConsole() {
    CommandLine commandLine = spec.commandLine();
    return new Console(commandLine.getOut(), commandLine.getErr(), terminal, json, quiet);
  }

  boolean wantsStacktrace() {
    return stacktrace;
  }

  /// Without a command: what there is to choose from.
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }

  /// The version that the build wrote into the jar.
  static String version() {
    String version = RegroupCommand.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  /// What `--version` prints.
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String platform = System.getProperty("os.name") + " " + System.getProperty("os.arch");
      return new String[] {"regroup " + version(), "Java " + Runtime.version() + ", " + platform};
    }
  }
}
