package dev.regroup.cli.bench;

import dev.regroup.cli.console.Table;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.StepBench;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// {@link StepBench} in words and as JSON.
public final class StepText {
  private StepText() {}

  /// A table, a row for each model and batch.
  public static List<String> of(CudaDevice device, List<StepBench.Result> results) {
    List<String> kernels = List.copyOf(results.getFirst().tokensPerSecond().keySet());
    var table =
        new Table(
            Stream.concat(
                    Stream.of("model", "cache bytes a token", "batch", "context"),
                    kernels.stream().map(name -> "tokens/s by " + name))
                .toArray(String[]::new));
    for (StepBench.Result result : results) {
      List<String> row = new ArrayList<>();
      row.add(result.model());
      row.add(String.valueOf(result.cacheBytes()));
      row.add(String.valueOf(result.sequences()));
      row.add(String.valueOf(result.context()));
      result
          .tokensPerSecond()
          .values()
          .forEach(speed -> row.add(String.format(Locale.ROOT, "%.0f", speed)));
      table.row(row.toArray());
    }
    List<String> lines = new ArrayList<>();
    lines.add("%s, driver %s".formatted(device.name(), device.driver()));
    lines.addAll(table.lines());
    return lines;
  }

  /// Versioned JSON.
  public static JsonNode json(CudaDevice device, List<StepBench.Result> results) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("version", 1).put("device", device.name()).put("driver", device.driver());
    var rows = root.putArray("results");
    for (StepBench.Result result : results) {
      ObjectNode speeds =
          rows.addObject()
              .put("model", result.model())
              .put("cache_bytes_per_token", result.cacheBytes())
              .put("sequences", result.sequences())
              .put("context", result.context())
              .putObject("tokens_per_second");
      result.tokensPerSecond().forEach(speeds::put);
    }
    return root;
  }
}
