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

  /// What quantising tensors anew lost.
  static void appendRequantized(StringBuilder html, List<RequantizedTensor> tensors) {
    if (tensors.isEmpty()) {
      return;
    }
    html.append("<h2>Quantised anew, by the conversion's own record</h2>\n")
        .append("<div class=\"wide\"><table><thead><tr><th>Tensor</th>")
        .append("<th>Difference of its FP8 form, of its size</th></tr></thead><tbody>\n");
    for (RequantizedTensor tensor : tensors) {
      html.append("<tr><td>")
          .append(Markup.escape(tensor.name()))
          .append("</td><td>")
          .append(Numbers.of(tensor.error()))
          .append("</td></tr>\n");
    }
    html.append("</tbody></table></div>\n");
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
