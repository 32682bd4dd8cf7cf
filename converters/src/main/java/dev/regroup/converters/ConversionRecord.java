package dev.regroup.converters;

import dev.regroup.converters.report.FitOutcome;
import dev.regroup.converters.report.LayerReport;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What a conversion that is calibrated, or quantises tensors anew, leaves beside its target about each
/// layer, for reports on it. Equal
/// conversions give equal bytes: it holds no time and no path.
final class ConversionRecord {
  static final String FILE = "regroup.conversion.json";

  private ConversionRecord() {}

  static String render(List<LayerReport> layers) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("format", "regroup.conversion-record/1");
    ArrayNode all = root.putArray("layers");
    for (LayerReport layer : layers) {
      ObjectNode node = all.addObject();
      node.put("layer", layer.layer());
      node.put("predicted_error", layer.predictedError());
      put(node, "closed_form_error", layer.closedFormError());
      put(node, "measured_error", layer.measuredError());
      layer.fit().ifPresent(fit -> put(node.putObject("fit"), fit));
      if (!layer.requantized().isEmpty()) {
        ObjectNode errors = node.putObject("requantized");
        layer.requantized().forEach(errors::put);
      }
    }
    return root.toPrettyString() + "\n";
  }

  private static void put(ObjectNode node, FitOutcome fit) {
    node.put("error_before", fit.before());
    node.put("error_after", fit.after());
    node.put("best_step", fit.bestStep());
    node.put("ending", fit.ending().name().toLowerCase(Locale.ROOT));
  }

  private static void put(ObjectNode node, String key, OptionalDouble value) {
    value.ifPresent(present -> node.put(key, present));
  }
}
