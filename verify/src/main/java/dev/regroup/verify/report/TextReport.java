package dev.regroup.verify.report;

import dev.regroup.verify.measure.Estimate;
import java.util.List;
import java.util.Locale;

/// The report for a terminal.
final class TextReport {
  private TextReport() {}

  static String of(VerificationReport report) {
    var out = new StringBuilder();
    out.append("%s: %s%n%n".formatted(report.verdict(), report.reason()));
    appendModel(out, "source", report.source());
    appendModel(out, "target", report.target());
    TextSummary text = report.tokens();
    out.append(
        "text    %s: %s tokens in %d windows of %d%n"
            .formatted(
                text.source(), Numbers.count(text.tokens()), text.windows(), text.windowTokens()));
    out.append("device  %s%n%n".formatted(Overview.device(report.device())));
    appendOverview(out, Overview.rows(report));
    appendLayers(out, report.layers());
    appendChecks(out, report.checks());
    if (report.logits().isPresent()) {
      out.append(
          "%nIn brackets: one-sided bounds at %d%%, windows as independent samples.%n%s%n"
              .formatted(Math.round(100 * Estimate.CONFIDENCE), Overview.KL_SCALE));
    }
    return out.toString().replace("\r\n", "\n");
  }

  private static void appendModel(StringBuilder out, String role, ModelSummary model) {
    out.append(
        "%s  %s (%s, %s, %d layers)%n"
            .formatted(role, model.name(), model.architecture(), model.layout(), model.layers()));
  }

  private static void appendOverview(StringBuilder out, List<Overview.Row> rows) {
    out.append("%-31s %12s %12s%n".formatted("", "source", "target"));
    for (Overview.Row row : rows) {
      String line =
          "%-31s %12s %12s   %s".formatted(row.name(), row.source(), row.target(), row.between());
      out.append(line.stripTrailing()).append('\n');
    }
  }

  private static void appendLayers(StringBuilder out, List<LayerFinding> layers) {
    if (layers.isEmpty()) {
      return;
    }
    boolean mixture = layers.stream().anyMatch(layer -> layer.expertAgreement().isPresent());
    out.append(
        "%n%5s  %-12s %14s %10s %14s%s%n"
            .formatted(
                "layer",
                "attention",
                "injected error",
                "cosine",
                "drift so far",
                mixture ? "  same experts" : ""));
    for (LayerFinding layer : layers) {
      out.append(
          "%5d  %-12s %14s %10s %14s%s%n"
              .formatted(
                  layer.layer(),
                  layer.sourceLayout() + " > " + layer.targetLayout(),
                  Numbers.of(layer.attentionError()),
                  String.format(Locale.ROOT, "%.5f", layer.attentionCosine()),
                  Numbers.of(layer.drift()),
                  experts(layer)));
    }
  }

  private static String experts(LayerFinding layer) {
    return layer.expertAgreement().isPresent()
        ? "%14s".formatted(Numbers.percent(layer.expertAgreement().getAsDouble()))
        : "";
  }

  private static void appendChecks(StringBuilder out, List<Check> checks) {
    out.append('\n');
    for (Check check : checks) {
      out.append(
          "%-12s %-9s %s: %s%n"
              .formatted(check.status(), check.level(), check.name(), check.reason()));
    }
  }
}
