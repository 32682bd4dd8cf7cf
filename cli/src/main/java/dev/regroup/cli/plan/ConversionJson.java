package dev.regroup.cli.plan;

import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.LayerReport;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.SortedMap;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A conversion report for programs. Keys are only ever added; `format` counts the exceptions.
public final class ConversionJson {
  private ConversionJson() {}

  /// The object to print.
  public static ObjectNode of(ConversionReport report) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("format", "regroup.conversion/1");
    root.put("source", report.source().toString());
    root.put("target", report.target().toString());
    root.put("to", report.plan().request().target().label());
    root.put("seconds", report.used().seconds());
    root.put("peak_heap_bytes", report.used().peakHeapBytes());
    root.put("spilled_bytes", report.used().spilledBytes());
    PlanJson.addCache(root, report.plan());
    root.putObject("output")
        .put("bytes", report.plan().outputBytes())
        .put("files", report.plan().shards().files().size());
    root.putObject("calibration")
        .put("source", report.calibrationSource())
        .put("tokens", report.calibrationTokens());
    ArrayNode layers = root.putArray("layers");
    report.layers().forEach(layer -> addLayer(layers.addObject(), layer));
    return root;
  }

  private static void addLayer(ObjectNode node, LayerReport layer) {
    node.put("layer", layer.layer());
    node.put("predicted_error", layer.predictedError());
    put(node, "measured_error", layer.measuredError());
    put(node, "closed_form_error", layer.closedFormError());
    addRequantized(node, layer.requantized());
    layer
        .fit()
        .ifPresent(
            fit ->
                node.putObject("fit")
                    .put("error_before", fit.before())
                    .put("error_after", fit.after())
                    .put("best_step", fit.bestStep())
                    .put("ending", fit.ending().name().toLowerCase(Locale.ROOT)));
  }

  private static void addRequantized(ObjectNode node, SortedMap<String, Double> errors) {
    ObjectNode all = node.putObject("requantized");
    errors.forEach(all::put);
  }

  private static void put(ObjectNode node, String key, OptionalDouble value) {
    if (value.isPresent()) {
      node.put(key, value.getAsDouble());
    } else {
      node.putNull(key);
    }
  }
}
