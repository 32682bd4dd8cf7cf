package dev.regroup.cli.demo;

import dev.regroup.cli.console.Quantity;
import dev.regroup.cli.console.Table;
import dev.regroup.verify.report.CacheFindings;
import dev.regroup.verify.report.LogitFindings;
import dev.regroup.verify.report.VerificationReport;
import java.util.List;
import java.util.Locale;

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
            "each of 2 devices",
            "after",
            "verdict",
            "took");
    for (DemoResult result : results) {
      VerificationReport report = result.report();
      LogitFindings logits = report.logits().orElseThrow();
      CacheFindings cache = report.cache();
      CacheFindings.Rank shared = ofTwoDevices(cache);
      table.row(
          result.name(),
          Quantity.significant(logits.sourcePerplexity().value()),
          Quantity.significant(logits.targetPerplexity().value()),
          Quantity.significant(logits.kl().value()),
          String.format(Locale.ROOT, "%.1f %%", 100 * logits.top1().value()),
          bytes(cache.source().bytesPerToken()),
          bytes(cache.target().bytesPerToken()),
          bytes(shared.source()),
          bytes(shared.target()),
          report.verdict(),
          Quantity.duration(result.seconds()));
    }
    return table.lines();
  }

  private static CacheFindings.Rank ofTwoDevices(CacheFindings cache) {
    return cache.perRank().stream().filter(rank -> rank.ranks() == 2).findFirst().orElseThrow();
  }

  private static String bytes(double bytes) {
    return Quantity.grouped(Math.round(bytes));
  }
}
