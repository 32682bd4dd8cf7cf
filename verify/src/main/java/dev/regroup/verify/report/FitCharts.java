package dev.regroup.verify.report;

import java.util.List;
import java.util.function.ToDoubleFunction;

/// Charts of what the fit did, layer by layer, as the conversion wrote it down.
final class FitCharts {
  private FitCharts() {}

  static void append(StringBuilder html, List<ConvertedLayer> layers) {
    if (layers.isEmpty()) {
      return;
    }
    html.append("<h2>The fit, by the conversion's own record</h2>\n");
    html.append(chart("before", layers, ConvertedLayer::before));
    html.append(chart("after", layers, ConvertedLayer::after));
  }

  private static String chart(
      String when, List<ConvertedLayer> layers, ToDoubleFunction<ConvertedLayer> error) {
    return new BarChart(
            "Error of each layer's attention %s the fit, on calibration windows that it did not see"
                    .formatted(when)
                + " (relative, squared; what earlier layers lost included)",
            "layer",
            layers.stream()
                .map(layer -> BarChart.Bar.plain("" + layer.layer(), error.applyAsDouble(layer)))
                .toList())
        .svg();
  }
}
