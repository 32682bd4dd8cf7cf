package dev.regroup.cli.bench;

import dev.regroup.converters.fit.FitBench;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// {@link FitBench} in words and as JSON.
public final class FitText {
  private FitText() {}

  /// A line for each target.
  ///
  /// @param device what computed
  public static List<String> of(String device, List<FitBench.Result> results) {
    List<String> lines = new ArrayList<>();
    lines.add(device);
    for (FitBench.Result result : results) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%-18s %d layers, %d steps of 16x512: %.2f s, of which the first layer %.2f s;"
                  + " %.1f TFLOP/s",
              result.target(),
              result.layers(),
              result.steps(),
              result.seconds(),
              result.firstLayer(),
              result.flops() / result.seconds() / 1e12));
    }
    return lines;
  }

  /// Versioned JSON.
  public static JsonNode json(String device, List<FitBench.Result> results) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("version", 1).put("device", device);
    var rows = root.putArray("results");
    for (FitBench.Result result : results) {
      rows.addObject()
          .put("target", result.target())
          .put("layers", result.layers())
          .put("steps", result.steps())
          .put("seconds", result.seconds())
          .put("first_layer_seconds", result.firstLayer())
          .put("floating_point_operations", result.flops());
    }
    return root;
  }
}
