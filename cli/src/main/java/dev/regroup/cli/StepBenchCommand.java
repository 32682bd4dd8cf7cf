package dev.regroup.cli;

import dev.regroup.cli.bench.StepText;
import dev.regroup.cli.console.Console;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.StepAttention;
import dev.regroup.runtime.cuda.StepBench;
import dev.regroup.runtime.cuda.decode.FasterAttention;
import dev.regroup.runtime.cuda.decode.ScheduledAttention;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `bench step`: whole models decoding on a GPU.
@Command(
    name = "step",
    header = "Measure how fast whole models decode on a GPU.",
    description = {
      "Random models of about 1B parameters that differ in their attention alone (GQA and GTA, MLA"
          + " and GLA-2), in BF16 with 4096 tokens in each cache, 1 and 64 sequences at once: a"
          + " step is one CUDA graph of all layers and the choice of the next token. Attention by"
          + " the plain kernel, by the decode kernels, and by what a report chooses. Times are the"
          + " device's, medians of 3 runs of 32 steps."
    },
    footer = "  regroup bench step --device cuda:0")
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class StepBenchCommand implements Callable<Integer> {
  private final RegroupCommand root;

  @Mixin private DeviceOptions device;

  StepBenchCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    try (Console console = root.openConsole();
        CudaContext context = device.openGpu()) {
      Map<String, StepAttention.Maker> attentions = new LinkedHashMap<>();
      attentions.put("the plain kernel", StepAttention::plain);
      attentions.put("decode kernels", ScheduledAttention::new);
      attentions.put("the faster one", FasterAttention::new);
      List<StepBench.Result> results = StepBench.run(context, attentions);
      if (console.wantsJson()) {
        console.print(StepText.json(context.device(), results));
      } else {
        console.print(StepText.of(context.device(), results));
      }
      return ExitCode.OK;
    }
  }
}
