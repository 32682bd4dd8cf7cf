package dev.regroup.verify.report;

import dev.regroup.verify.measure.Estimate;
import dev.regroup.verify.measure.Histogram;
import java.util.List;
import java.util.Locale;

/// The report for people, as one page: no script, no font, no image, nothing fetched.
final class HtmlReport {
  private HtmlReport() {}

  static String of(VerificationReport report) {
    var html = new StringBuilder();
    html.append(
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>%s: %s</title>
        <style>
        %s</style>
        </head>
        <body>
        """
            .formatted(report.verdict(), Markup.escape(report.target().name()), PageStyle.CSS));
    appendHead(html, report);
    appendOverview(html, report);
    appendCharts(html, report);
    appendChecks(html, report.checks());
    appendLayers(html, report.layers());
    appendFoot(html, report);
    return html.append("</body>\n</html>\n").toString();
  }

  private static void appendHead(StringBuilder html, VerificationReport report) {
    html.append(
        "<header class=\"%s\"><h1>%s</h1><p>%s</p></header>\n"
            .formatted(
                report.verdict().name().toLowerCase(Locale.ROOT),
                report.verdict(),
                Markup.escape(report.reason())));
    html.append("<dl>\n");
    appendTerm(html, "Source", describe(report.source()));
    appendTerm(html, "Target", describe(report.target()));
    TextSummary text = report.tokens();
    appendTerm(
        html,
        "Text",
        "%s: %s tokens in %d windows of %d, SHA-256 %s"
            .formatted(
                text.source(),
                Numbers.count(text.tokens()),
                text.windows(),
                text.windowTokens(),
                text.sha256()));
    appendTerm(html, "Thresholds", describe(report.thresholds()));
    html.append("</dl>\n");
  }

  private static String describe(ModelSummary model) {
    return "%s (%s, %s attention, %d layers)"
        .formatted(model.name(), model.architecture(), model.layout(), model.layers());
  }

  private static String describe(Thresholds thresholds) {
    if (thresholds.isEmpty()) {
      return "no quality threshold given: the verdict covers exactness only";
    }
    var text = new StringBuilder();
    thresholds
        .maxPerplexityRatio()
        .ifPresent(x -> text.append("perplexity ratio at most " + x + ", "));
    thresholds.maxKl().ifPresent(x -> text.append("mean KL at most " + x + " nats, "));
    thresholds.minTop1().ifPresent(x -> text.append("top-1 agreement at least " + x + ", "));
    return text + "from the " + thresholds.origin();
  }

  private static void appendTerm(StringBuilder html, String term, String text) {
    html.append("<dt>%s</dt><dd>%s</dd>\n".formatted(term, Markup.escape(text)));
  }

  private static void appendOverview(StringBuilder html, VerificationReport report) {
    html.append("<h2>In numbers</h2>\n<div class=\"wide\"><table><thead><tr><th></th>");
    html.append("<th>Source</th><th>Target</th><th>Between them</th></tr></thead><tbody>\n");
    for (Overview.Row row : Overview.rows(report)) {
      html.append(
          "<tr><th>%s</th><td>%s</td><td>%s</td><td>%s</td></tr>\n"
              .formatted(
                  Markup.escape(row.name()),
                  Markup.escape(row.source()),
                  Markup.escape(row.target()),
                  Markup.escape(row.between())));
    }
    html.append("</tbody></table></div>\n");
  }

  private static void appendCharts(StringBuilder html, VerificationReport report) {
    List<LayerFinding> layers = report.layers();
    if (!layers.isEmpty()) {
      html.append("<h2>Layer by layer</h2>\n");
      html.append(
          new BarChart(
                  "Error each layer's attention adds, given the source's input (relative, squared)",
                  "layer",
                  layers.stream()
                      .map(l -> BarChart.Bar.plain("" + l.layer(), l.attentionError()))
                      .toList())
              .svg());
      html.append(
          new BarChart(
                  "Drift of the residual stream after each layer (relative, squared)",
                  "layer",
                  layers.stream().map(l -> BarChart.Bar.plain("" + l.layer(), l.drift())).toList())
              .svg());
    }
    FitCharts.append(html, report.conversion().fitted());
    FitCharts.appendRequantized(html, report.conversion().requantized());
    report.logits().ifPresent(logits -> appendLogitCharts(html, logits));
  }

  private static void appendLogitCharts(StringBuilder html, LogitFindings logits) {
    html.append("<h2>Token by token</h2>\n");
    html.append(buckets("Mean KL by position, nats", "position", logits.byPosition()));
    html.append(
        buckets(
            "Mean KL by the source's confidence, nats",
            "largest probability of the source",
            logits.byConfidence()));
    Histogram histogram = logits.klHistogram();
    html.append(
        new BarChart(
                "Tokens by KL (%s lie below 1e-9)".formatted(Numbers.count(histogram.below())),
                "KL, nats: lower edge of the bin",
                histogram.bins().stream()
                    .map(
                        bin -> BarChart.Bar.plain(Numbers.round(bin.lower()), (double) bin.count()))
                    .toList())
            .svg());
  }

  private static String buckets(String title, String xTitle, List<Bucket> buckets) {
    return new BarChart(
            title,
            xTitle,
            buckets.stream()
                .map(
                    b ->
                        new BarChart.Bar(b.label(), b.kl().value(), b.kl().lower(), b.kl().upper()))
                .toList())
        .svg();
  }

  private static void appendChecks(StringBuilder html, List<Check> checks) {
    html.append("<h2>Checks</h2>\n<div class=\"wide\"><table><thead><tr><th>Status</th>");
    html.append("<th>Level</th><th>Check</th><th>Why</th></tr></thead><tbody>\n");
    for (Check check : checks) {
      html.append(
          "<tr><td class=\"status %s\">%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n"
              .formatted(
                  check.status().name().toLowerCase(Locale.ROOT),
                  check.status(),
                  Markup.escape(check.level()),
                  Markup.escape(check.name()),
                  Markup.escape(check.reason())));
    }
    html.append("</tbody></table></div>\n");
  }

  private static void appendLayers(StringBuilder html, List<LayerFinding> layers) {
    if (layers.isEmpty()) {
      return;
    }
    html.append("<details><summary>Layer table</summary><div class=\"wide\"><table><thead><tr>");
    html.append("<th>Layer</th><th>Attention</th><th>Injected error</th><th>Cosine</th>");
    html.append("<th>Drift so far</th><th>Same experts</th></tr></thead><tbody>\n");
    for (LayerFinding layer : layers) {
      html.append(
          "<tr><td>%d</td><td>%s to %s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n"
              .formatted(
                  layer.layer(),
                  layer.sourceLayout(),
                  layer.targetLayout(),
                  Numbers.of(layer.attentionError()),
                  Numbers.of(layer.attentionCosine()),
                  Numbers.of(layer.drift()),
                  layer.expertAgreement().isPresent()
                      ? Numbers.percent(layer.expertAgreement().getAsDouble())
                      : "-"));
    }
    html.append("</tbody></table></div></details>\n");
  }

  private static void appendFoot(StringBuilder html, VerificationReport report) {
    html.append(
        ("<footer><p>Bounds and whiskers are one-sided at %d%%, with windows of text as the"
                + " independent samples. Errors are |target - source|² / |source|², summed over all"
                + " tokens. %s Regroup %s.</p></footer>\n")
            .formatted(
                Math.round(100 * Estimate.CONFIDENCE),
                Markup.escape(Overview.KL_SCALE),
                Markup.escape(report.toolVersion())));
  }
}
