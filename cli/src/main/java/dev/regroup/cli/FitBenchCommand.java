package dev.regroup.cli;

import dev.regroup.cli.bench.FitText;
import dev.regroup.cli.console.Console;
import dev.regroup.converters.fit.FitBench;
import dev.regroup.runtime.device.Device;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `bench fit`: how long layers take to fit.
@Command(
    name = "fit",
    header = "Measure how long fits take.",
    description = {
      "All six layers of a model of 6.8M parameters (D 256, 8 query heads, 4 kv heads of 32),"
          + " fitted to GTA and to GLA on random windows, 16 x 512 tokens a step."
    },
    footer = "  regroup bench fit --device cuda:0")
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class FitBenchCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Option(
      names = "--fit-steps",
      paramLabel = "N",
      defaultValue = "500",
      description = "Steps of each layer. Default: 500.")
  private int steps;

  @Mixin private DeviceOptions deviceOptions;

  FitBenchCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole();
        Device device = deviceOptions.open(console)) {
      List<FitBench.Result> results = FitBench.run(device.backend(), steps);
      String name = device.summary().name();
      if (console.wantsJson()) {
        console.print(FitText.json(name, results));
      } else {
        console.print(FitText.of(name, results));
      }
      return ExitCode.OK;
    }
  }
}
