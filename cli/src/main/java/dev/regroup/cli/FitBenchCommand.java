package dev.regroup.cli;

import dev.regroup.cli.bench.FitText;
import dev.regroup.cli.bench.WideFitText;
import dev.regroup.cli.console.Console;
import dev.regroup.converters.fit.FitBench;
import dev.regroup.converters.fit.WideFitBench;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.device.Device;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// `bench fit`: how long layers take to fit.
@Command(
    name = "fit",
    header = "Measure how long fits take.",
    description = {
      "All six layers of a model of 6.8M parameters (D 256, 8 query heads, 4 kv heads of 32),"
          + " fitted to GTA and to GLA on random windows, 16 x 512 tokens a step. With --shape"
          + " deepseek-coder-v2, on a GPU: one attention layer of that model (D 5120, 128 heads),"
          + " beside one large matrix product, and what 60 layers come to."
    },
    footer = {
      "  regroup bench fit --device cuda:0",
      "  regroup bench fit --device cuda:0 --shape deepseek-coder-v2"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class FitBenchCommand implements Callable<Integer> {
  private final RegroupCommand root;

  /// Shapes that picocli reads in lower case with dashes.
  enum ModelShape {
    LLAMA_GQA,
    DEEPSEEK_CODER_V2;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  @Option(
      names = "--shape",
      paramLabel = "SHAPE",
      defaultValue = "llama-gqa",
      converter = ShapeName.class,
      description = "llama-gqa or deepseek-coder-v2. Default: llama-gqa.")
  private ModelShape shape;

  @Option(
      names = "--fit-steps",
      paramLabel = "N",
      description = "Steps of each layer. Default: 500, and 20 for deepseek-coder-v2.")
  private @Nullable Integer steps;

  /// Reads a {@link ModelShape}.
  static final class ShapeName implements ITypeConverter<ModelShape> {
    @Override
    public ModelShape convert(String text) {
      for (ModelShape shape : ModelShape.values()) {
        if (shape.toString().equals(text)) {
          return shape;
        }
      }
      throw new TypeConversionException(
          "expected one of %s".formatted(List.of(ModelShape.values())));
    }
  }

  @Mixin private DeviceOptions deviceOptions;

  FitBenchCommand(RegroupCommand root) {
    this.root = root;
  }

  @Override
  public Integer call() {
    return switch (shape) {
      case LLAMA_GQA -> narrow(steps == null ? 500 : steps);
      case DEEPSEEK_CODER_V2 -> wide(steps == null ? 20 : steps);
    };
  }

  private int wide(int count) {
    try (Console console = root.openConsole();
        CudaContext context = deviceOptions.openGpu()) {
      String name = context.device().name();
      List<WideFitBench.Result> results = new ArrayList<>();
      if (!console.wantsJson()) {
        console.print(List.of(name));
      }
      for (WideFitBench.Shape each : WideFitBench.SHAPES) {
        WideFitBench.Result result = WideFitBench.run(context, each, count);
        results.add(result);
        if (!console.wantsJson()) {
          console.print(WideFitText.of(result));
        }
      }
      if (console.wantsJson()) {
        console.print(WideFitText.json(name, results));
      }
      return ExitCode.OK;
    }
  }

  private int narrow(int count) {
    try (Console console = root.openConsole();
        Device device = deviceOptions.open(console)) {
      List<FitBench.Result> results = FitBench.run(device.backend(), count);
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
