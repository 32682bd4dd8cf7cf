package dev.regroup.cli;

import dev.regroup.cli.bench.ForwardText;
import dev.regroup.cli.console.Console;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.ForwardBench;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `bench forward`: the forward pass of calibration on a GPU.
@Command(
    name = "forward",
    header = "Measure the forward pass that calibration runs, on a GPU.",
    description = {
      "A llama of 1B parameters with random weights on 8 x 2048 tokens, in BF16, beside one large"
          + " matrix product: by cuBLAS where it is installed, then by our own kernels. Times are"
          + " the device's, medians of 11."
    },
    footer = "  regroup bench forward --device cuda:0")
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class ForwardBenchCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Mixin private DeviceOptions device;

  ForwardBenchCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole();
        CudaContext context = device.openGpu()) {
      List<ForwardBench.Result> results = ForwardBench.run(context);
      if (console.wantsJson()) {
        console.print(ForwardText.json(context.device(), results));
      } else {
        console.print(ForwardText.of(context.device(), results));
      }
      return ExitCode.OK;
    }
  }
}
