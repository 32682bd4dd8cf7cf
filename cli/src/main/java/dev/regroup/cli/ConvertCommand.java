package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.plan.ConversionJson;
import dev.regroup.cli.plan.ConversionText;
import dev.regroup.converters.ConversionOptions;
import dev.regroup.converters.Conversions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.device.Device;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `convert SOURCE TARGET --to gta|gla`: makes the target.
@Command(
    name = "convert",
    header = "Convert a checkpoint to GTA or GLA attention.",
    description = {
      "Streams the source layer by layer into a new model directory; what attention does not touch"
          + " is copied byte for byte. TARGET is whole when the command ends well, and absent when"
          + " it does not. The source is only read.",
      "",
      "Give calibration text: it decides which directions of keys and values matter. Without it the"
          + " weights alone have to tell, and the result is worse. Two runs with the same options"
          + " give the same bytes."
    },
    footer = {
      "  regroup convert /models/llama /models/llama-gta --to gta --calibration train.txt",
      "  regroup convert /models/llama /models/llama-gla --to gla --latent-heads 2 \\",
      "      --calibration corpus/ --calibration-tokens 256K --max-shard-size 2GB",
      "  regroup convert /models/deepseek-v2 /models/dsv2-gla --to gla --calibration train.jsonl"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class ConvertCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Parameters(
      index = "0",
      paramLabel = "SOURCE",
      description = "The model to convert: a directory, or an archive of one.")
  private Path source;

  @Parameters(
      index = "1",
      paramLabel = "TARGET",
      description = "The model directory to create; must not exist.")
  private Path target;

  @Mixin private TargetOptions targetOptions;

  @Mixin private CalibrationOptions calibration;

  @Mixin private WritingOptions writingOptions;

  @Mixin private FitSettings fitSettings;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Seed of everything random. Default: 1.")
  private long seed;

  @Option(
      names = "--allow-non-finite",
      description = "Let NaN and infinite weights through instead of refusing them.")
  private boolean allowNonFinite;

  @Mixin private ScratchOptions scratch;

  @Mixin private DeviceOptions deviceOptions;

  ConvertCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    ConversionOptions options = options();
    try (Console console = root.openConsole();
        Checkpoint checkpoint = scratch.open(source, target)) {
      ConversionPlan plan = plan(checkpoint, options);
      checkpoint.warnings().forEach(line -> console.notice("warning: " + line));
      plan.notes().forEach(note -> console.notice("note: " + note));
      ConversionReport report = converted(checkpoint, plan, options, console);
      if (writingOptions.part().shared()) {
        console.notice(
            "part %s is done -> once all are: regroup merge %s"
                .formatted(writingOptions.part(), target));
      }
      if (console.wantsJson()) {
        console.print(ConversionJson.of(report));
      } else {
        console.print(ConversionText.of(report));
      }
      return ExitCode.OK;
    }
  }

  private ConversionPlan plan(Checkpoint checkpoint, ConversionOptions options) {
    return calibration.given()
        ? Conversions.plan(
            checkpoint, targetOptions.request(), options.fit(), Windows.tokens(checkpoint))
        : Conversions.plan(checkpoint, targetOptions.request());
  }

  private ConversionReport converted(
      Checkpoint checkpoint, ConversionPlan plan, ConversionOptions options, Console console) {
    try (Device device = deviceOptions.open(console, plan.source(), plan.target())) {
      ConversionOptions running = options.on(device.backend());
      return Conversions.convert(
          checkpoint,
          plan,
          calibration.windows(console, checkpoint, fitSettings.givenTokens(), running),
          target,
          running,
          writingOptions.options(),
          console.progress());
    }
  }

  private ConversionOptions options() {
    return new ConversionOptions(
            fitSettings.options(calibration.statisticsTokens()),
            seed,
            writingOptions.overwrite(),
            allowNonFinite,
            RegroupCommand.version())
        .spillingTo(scratch.folder(target));
  }
}
