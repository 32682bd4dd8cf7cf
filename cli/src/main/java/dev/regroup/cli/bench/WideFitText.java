package dev.regroup.cli.bench;

import dev.regroup.converters.fit.WideFitBench;
import dev.regroup.runtime.cuda.TimedTraining;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// {@link WideFitBench} in words and as JSON.
public final class WideFitText {
  /// What a whole model is extrapolated for: its layers, and a fit as conversions of small models make
  /// by default, on 131072 tokens.
  private static final int LAYERS = 60;

  private static final int STEPS = 400;
  private static final int TOKENS = 131_072;

  /// Share of a step from which an operation has a line of its own.
  private static final double SHOWN = 0.01;

  private WideFitText() {}

  /// Some lines.
  public static List<String> of(WideFitBench.Result result) {
    List<String> lines = new ArrayList<>();
    WideFitBench.Shape shape = result.shape();
    lines.add(
        String.format(
            Locale.ROOT,
            "deepseek-coder-v2 to GLA-%d (%dx%d+64), %d x %d tokens a step: %.1f ms a step;"
                + " %.0f TFLOP/s, %.1f %% of the %.0f of one BF16 product (%s)",
            shape.latents(),
            shape.latents(),
            shape.latentDim(),
            shape.windows(),
            shape.tokens(),
            1e3 * result.step(),
            result.teraflops(),
            100 * result.teraflops() / result.productTeraflops(),
            result.productTeraflops(),
            result.products()));
    lines.add("  ms by part:" + kinds(result));
    result
        .parts()
        .forEach(
            (part, milliseconds) -> {
              if (milliseconds > SHOWN * 1e3 * result.step()) {
                lines.add(String.format(Locale.ROOT, "    %6.2f %s", milliseconds, part.what()));
              }
            });
    lines.add(
        String.format(
            Locale.ROOT,
            "  before the first step %.1f s; a trial %.2f s; a window's upload %.1f ms; peak %.1f"
                + " GB",
            result.opening(),
            result.trial(),
            1e3 * result.upload(),
            result.peakBytes() / 1e9));
    lines.add(
        String.format(
            Locale.ROOT,
            "  60 layers, %d steps of %d tokens out of %d: %.0f min",
            STEPS,
            shape.windows() * shape.tokens(),
            TOKENS,
            seconds(result) / 60));
    return lines;
  }

  private static String kinds(WideFitBench.Result result) {
    Map<TimedTraining.Kind, Double> sums = new EnumMap<>(TimedTraining.Kind.class);
    result.parts().forEach((part, value) -> sums.merge(part.kind(), value, Double::sum));
    StringBuilder text = new StringBuilder();
    sums.forEach(
        (kind, value) ->
            text.append(
                String.format(
                    Locale.ROOT, " %s %.2f", kind.name().toLowerCase(Locale.ROOT), value)));
    return text.toString();
  }

  private static double seconds(WideFitBench.Result result) {
    return result.seconds(LAYERS, STEPS, TOKENS / result.shape().tokens());
  }

  /// Versioned JSON.
  public static JsonNode json(String device, List<WideFitBench.Result> results) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("version", 1).put("device", device);
    var rows = root.putArray("results");
    for (WideFitBench.Result result : results) {
      WideFitBench.Shape shape = result.shape();
      ObjectNode row =
          rows.addObject()
              .put("latents", shape.latents())
              .put("latent_dim", shape.latentDim())
              .put("windows", shape.windows())
              .put("window_tokens", shape.tokens())
              .put("products", result.products())
              .put("product_teraflops", result.productTeraflops())
              .put("step_seconds", result.step())
              .put("floating_point_operations", result.flops())
              .put("teraflops", result.teraflops())
              .put("opening_seconds", result.opening())
              .put("trial_seconds", result.trial())
              .put("upload_seconds_a_window", result.upload())
              .put("peak_bytes", result.peakBytes())
              .put("seconds_of_60_layers", seconds(result));
      var parts = row.putArray("parts");
      result
          .parts()
          .forEach(
              (part, value) ->
                  parts
                      .addObject()
                      .put("kind", part.kind().name().toLowerCase(Locale.ROOT))
                      .put("what", part.what())
                      .put("milliseconds", value));
    }
    return root;
  }
}
