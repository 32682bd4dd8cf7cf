package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.console.Quantity;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.text.TokenWindows;
import dev.regroup.verify.Verifier;
import dev.regroup.verify.VerifyOptions;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.ManifestFindings;
import dev.regroup.verify.report.Thresholds;
import dev.regroup.verify.report.Verdict;
import dev.regroup.verify.report.VerificationReport;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `verify SOURCE TARGET`: what the target is worth; the verdict is the exit code.
@Command(
    name = "verify",
    header = "Say what a converted model is worth beside its source.",
    description = {
      "Runs both models and compares them, level by level: tensors (what should be unchanged is),"
          + " attention (error that each layer injects), layers (how it adds up), logits"
          + " (perplexity, KL divergence, agreement on text), decode (token by token through the"
          + " cache equals all at once, and the cache is as small as promised). The source verified"
          + " against itself must give exactly zero, and a fault planted on purpose must be found.",
      "",
      "Without --text the levels that need text are skipped. Without a threshold quality is"
          + " reported, not judged: what a conversion may cost is yours to say."
    },
    footer = {
      "  regroup verify /models/llama /models/llama-gta --text heldout.txt",
      "  regroup verify /models/llama /models/llama-gta --text heldout.txt --tokens 64K \\",
      "      --max-perplexity-ratio 1.05 --report /tmp/report",
      "  regroup verify /models/llama-gta --level tensors      the files alone, after a copy"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class VerifyCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "SOURCE", description = "The model before conversion.")
  private Path source;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "TARGET",
      description =
          "The model after conversion. Without it, and with --level tensors, SOURCE is a converted"
              + " model whose files are held against its manifest.")
  private @Nullable Path target;

  @Option(
      names = "--text",
      paramLabel = "FILE|DIR",
      description =
          "Text that neither training nor calibration saw: plain text (documents separated by NUL)"
              + " or JSON lines with \"text\" or \"tokens\".")
  private @Nullable Path text;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "32K",
      converter = Quantity.Count.class,
      description = "Tokens of text to read at most; K is 1024. Default: 32K.")
  private long tokens;

  @Option(
      names = "--level",
      split = ",",
      paramLabel = "LEVEL",
      description =
          "Levels that must be checked: ${COMPLETION-CANDIDATES}. Default: all that can be.")
  private @Nullable List<Level> levels;

  @Option(
      names = "--max-perplexity-ratio",
      paramLabel = "X",
      description = "FAIL where the target's perplexity is over X times the source's.")
  private @Nullable Double maxPerplexityRatio;

  @Option(
      names = "--max-kl",
      paramLabel = "X",
      description = "FAIL where the mean KL divergence is over X nats a token.")
  private @Nullable Double maxKl;

  @Option(
      names = "--min-top1",
      paramLabel = "X",
      description = "FAIL where both agree on the likeliest token less often than X (0 to 1).")
  private @Nullable Double minTop1;

  @Option(
      names = "--report",
      paramLabel = "DIR",
      description = "Also write report.json, report.html and junit.xml there.")
  private @Nullable Path report;

  @Mixin private ScratchOptions scratch;

  @Mixin private DeviceOptions deviceOptions;

  VerifyCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    if (target == null) {
      return filesAlone();
    }
    try (Console console = root.openConsole();
        Checkpoint before = scratch.open(source);
        Checkpoint after = scratch.open(target);
        Device device =
            deviceOptions.open(
                console, Checkpoints.describe(before), Checkpoints.describe(after))) {
      Optional<TokenWindows> windows =
          Optional.ofNullable(text)
              .map(path -> TokenWindows.read(before, path, Windows.tokens(before), tokens, false));
      var options = new VerifyOptions(windows, levels(), thresholds(), VerifyOptions.DECODE_TOKENS);
      VerificationReport result =
          Verifier.verify(before, after, options, device, console.progress());
      if (report != null) {
        ReportFiles.write(report, result);
        console.notice("reports are in " + report);
      }
      console.printText(console.wantsJson() ? result.json() : result.text());
      return exitCode(result.verdict());
    }
  }

  private int filesAlone() {
    if (!levels().equals(EnumSet.of(Level.TENSORS))) {
      throw new ParameterException(
          spec.commandLine(),
          "TARGET: expected two models, found one -> give both, or check the files of one with"
              + " --level tensors");
    }
    try (Console console = root.openConsole()) {
      ManifestFindings found = Verifier.files(source, console.progress());
      FilesReport.print(console, source, found);
      return found.faults().isEmpty() ? ExitCode.OK : ExitCode.NOT_GOOD_ENOUGH;
    }
  }

  private Set<Level> levels() {
    Set<Level> wanted = EnumSet.noneOf(Level.class);
    if (levels != null) {
      wanted.addAll(levels);
    }
    return wanted;
  }

  private Thresholds thresholds() {
    return new Thresholds(
        optional(maxPerplexityRatio), optional(maxKl), optional(minTop1), "command line");
  }

  private static OptionalDouble optional(@Nullable Double value) {
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  static int exitCode(Verdict verdict) {
    return switch (verdict) {
      case PASS -> ExitCode.OK;
      case FAIL -> ExitCode.NOT_GOOD_ENOUGH;
      case INCONCLUSIVE -> ExitCode.INCONCLUSIVE;
    };
  }
}
