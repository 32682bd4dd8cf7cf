package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.plan.ConversionJson;
import dev.regroup.cli.plan.ConversionText;
import dev.regroup.converters.Conversions;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `merge TARGET`: makes a target of the parts that several processes converted.
@Command(
    name = "merge",
    header = "Make a target of the parts that several processes converted.",
    description = {
      "Checks that every part of convert --part I/N is complete and of one conversion, hashes all"
          + " files again, writes config, index and manifest, and gives the result TARGET's name in"
          + " one step. The result is that of one process, byte for byte."
    },
    footer = {
      "  regroup convert /models/deepseek-v2 /models/dsv2-gla --to gla --part 1/2",
      "  regroup convert /models/deepseek-v2 /models/dsv2-gla --to gla --part 2/2",
      "  regroup merge /models/dsv2-gla"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class MergeCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Parameters(
      index = "0",
      paramLabel = "TARGET",
      description = "The model directory to create: the TARGET that the parts were given.")
  private Path target;

  @Option(
      names = "--source",
      paramLabel = "SOURCE",
      description =
          "The model that the parts were converted from. Default: where they found it themselves.")
  private @Nullable Path source;

  @Option(
      names = "--overwrite",
      description = "Replace TARGET where it exists; it stays until the new one is whole.")
  private boolean overwrite;

  @Mixin private ScratchOptions scratch;

  MergeCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    Path from = source == null ? Conversions.sourceOfParts(target) : source;
    try (Console console = root.openConsole();
        Checkpoint checkpoint = scratch.open(from, target)) {
      ConversionReport report =
          Conversions.merge(checkpoint, target, WriteOptions.usual(overwrite), console.progress());
      if (console.wantsJson()) {
        console.print(ConversionJson.of(report));
      } else {
        console.print(ConversionText.of(report));
      }
      return ExitCode.OK;
    }
  }
}
