package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.plan.PlanJson;
import dev.regroup.cli.plan.PlanText;
import dev.regroup.converters.Conversions;
import dev.regroup.converters.fit.FitPlan;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.formats.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `plan SOURCE --to gta|gla`: what a conversion will do.
@Command(
    name = "plan",
    header = "Say what a conversion would write, without writing it.",
    description = {
      "From headers and config.json alone: every tensor that would be written, kept or dropped, the"
          + " KV cache before and after, the size of the output and the memory it takes to make."
    },
    footer = {
      "  regroup plan /models/llama --to gta",
      "  regroup plan /models/llama --to gla --latent-heads 2 --latent-dim 256 --rope-dim 64",
      "  regroup plan /models/deepseek-v2 --to gla --json | jq .cache"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class PlanCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Parameters(
      index = "0",
      paramLabel = "SOURCE",
      description = "The model to convert: a directory, or an archive of one.")
  private Path source;

  @Mixin private TargetOptions target;

  @Mixin private FitSettings fitSettings;

  @Mixin private ScratchOptions scratch;

  PlanCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole();
        Checkpoint checkpoint = scratch.open(source)) {
      int windowTokens = Windows.tokens(checkpoint);
      ConversionPlan plan =
          Conversions.plan(checkpoint, target.request(), fitSettings.options(), windowTokens);
      checkpoint.warnings().forEach(line -> console.notice("warning: " + line));
      FitPlan fit = FitPlan.of(fitSettings.options(), plan.target(), windowTokens);
      if (console.wantsJson()) {
        console.print(PlanJson.of(source.toString(), plan, fit));
      } else {
        console.print(PlanText.of(source.toString(), plan, fit));
      }
      return ExitCode.OK;
    }
  }
}
