package dev.regroup.cli.demo;

import dev.regroup.cli.console.Quantity;
import dev.regroup.cli.console.Table;
import dev.regroup.verify.report.CacheFindings;
import dev.regroup.verify.report.LogitFindings;
import dev.regroup.verify.report.VerificationReport;
import java.util.List;

/// The demo's results for people: one table.
public final class DemoText {
  private DemoText() {}

  /// The lines to print.
  public static List<String> of(List<DemoResult> results) {
    var table =
        new Table(
            "model",
            "perplexity",
            "after",
            "KL",
            "top-1",
            "KV B/token",
            "after",
            "verdict",
            "took");
    for (DemoResult result : results) {
      VerificationReport report = result.report();
      LogitFindings logits = report.logits().orElseThrow();
      CacheFindings cache = report.cache();
      table.row(
          result.name(),
          Quantity.significant(logits.sourcePerplexity().value()),
          Quantity.significant(logits.targetPerplexity().value()),
          Quantity.significant(logits.kl().value()),
          "%.1f %%".formatted(100 * logits.top1().value()),
          Quantity.grouped(Math.round(cache.source().bytesPerToken())),
          Quantity.grouped(Math.round(cache.target().bytesPerToken())),
          report.verdict(),
          Quantity.duration(result.seconds()));
    }
    return table.lines();
  }
}
