package dev.regroup.cli;

import dev.regroup.cli.bench.StreamText;
import dev.regroup.cli.console.Console;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.device.StreamBench;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `bench stream MODEL`: layers through a device.
@Command(
    name = "stream",
    header = "Measure how fast a model's layers stream through the device.",
    description = {
      "Runs the layers in order on one sequence of random activations, as verify does with models"
          + " larger than the device: each layer is read while the one before it runs."
    },
    footer = "  regroup bench stream /models/deepseek-coder-v2 --tokens 2048 --device cuda")
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class StreamBenchCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Parameters(index = "0", paramLabel = "MODEL", description = "The model to stream.")
  private Path model;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "2048",
      description = "Tokens of the sequence. Default: 2048.")
  private int tokens;

  @Option(
      names = "--passes",
      paramLabel = "N",
      defaultValue = "2",
      description = "How often to run all layers; the first may read from disk. Default: 2.")
  private int passes;

  @Mixin private DeviceOptions deviceOptions;

  StreamBenchCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole();
        Checkpoint checkpoint = Checkpoints.open(model);
        Device device = deviceOptions.open(console)) {
      List<StreamBench.Layer> layers =
          StreamBench.run(device, Checkpoints.describe(checkpoint), checkpoint, tokens, passes);
      if (console.wantsJson()) {
        console.print(StreamText.json(device.summary(), tokens, layers));
      } else {
        console.print(StreamText.of(device.summary(), tokens, layers));
      }
      return ExitCode.OK;
    }
  }
}
