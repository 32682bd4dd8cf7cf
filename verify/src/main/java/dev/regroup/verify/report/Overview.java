package dev.regroup.verify.report;

import dev.regroup.runtime.device.DeviceSummary;
import dev.regroup.verify.measure.Estimate;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/// The few numbers that the terminal and the page both begin with.
final class Overview {
  private Overview() {}

  /// What people know of mean KL, nats per token: llama.cpp's published values for Llama-3-8B on
  /// wikitext-2 (tools/perplexity/README.md).
  static final String KL_SCALE =
      "For scale, llama.cpp's quantisations of Llama-3-8B: Q8_0 has a mean KL of 0.0014, Q6_K"
          + " 0.0055, Q4_K_M 0.031, Q3_K_M 0.10, Q2_K 0.45 (another model, another text).";

  /// One line: a name, the source's number, the target's, and what lies between them.
  record Row(String name, String source, String target, String between) {}

  static List<Row> rows(VerificationReport report) {
    var rows = new ArrayList<Row>();
    report.logits().ifPresent(logits -> addLogits(rows, logits));
    addCache(rows, report.cache());
    report.decode().ifPresent(decode -> addDecode(rows, decode));
    report.speed().ifPresent(speed -> addSpeed(rows, speed));
    return rows;
  }

  /// Name, why it, what computes, and the device memory that was held.
  static String device(DeviceSummary device) {
    String peak =
        device.peakBytes().isPresent()
            ? ", peak memory %.2f GB".formatted(device.peakBytes().getAsLong() / 1e9)
            : "";
    return "%s (%s), %s%s; %s"
        .formatted(device.name(), device.kind(), device.software(), peak, device.reason());
  }

  private static void addSpeed(List<Row> rows, SpeedFindings speed) {
    for (SpeedFindings.Batch batch : speed.batches()) {
      rows.add(
          new Row(
              "tokens/s, batch %d".formatted(batch.sequences()),
              Numbers.of(batch.source()),
              Numbers.of(batch.target()),
              "x %s at %d tokens each"
                  .formatted(Numbers.of(batch.target() / batch.source()), speed.context())));
    }
  }

  private static void addLogits(List<Row> rows, LogitFindings logits) {
    rows.add(
        new Row(
            "perplexity",
            Numbers.of(logits.sourcePerplexity().value()),
            Numbers.of(logits.targetPerplexity().value()),
            "x " + bounded(logits.perplexityRatio())));
    rows.add(new Row("KL, nats per token", "", "", bounded(logits.kl())));
    rows.add(
        new Row(
            "KL, median / 99% / largest",
            "",
            "",
            "%s / %s / %s"
                .formatted(
                    Numbers.of(percentile(logits, 50)),
                    Numbers.of(percentile(logits, 99)),
                    Numbers.of(percentile(logits, 100)))));
    rows.add(new Row("same most likely token", "", "", share(logits.top1())));
    rows.add(new Row("shared among the top five", "", "", share(logits.top5())));
  }

  private static void addCache(List<Row> rows, CacheFindings cache) {
    rows.add(
        new Row(
            "cache, bytes per token",
            Numbers.of(cache.source().bytesPerToken()),
            Numbers.of(cache.target().bytesPerToken()),
            "x %s (%s)"
                .formatted(
                    Numbers.of(cache.target().bytesPerToken() / cache.source().bytesPerToken()),
                    measured(cache))));
    for (CacheFindings.Rank rank : cache.perRank()) {
      if (rank.ranks() > 1) {
        rows.add(
            new Row(
                "  each of %d devices".formatted(rank.ranks()),
                Numbers.of(rank.source()),
                Numbers.of(rank.target()),
                "x " + Numbers.of(rank.target() / rank.source())));
      }
    }
  }

  private static String measured(CacheFindings cache) {
    OptionalDouble measured = cache.target().measured();
    if (measured.isEmpty()) {
      return "computed";
    }
    return cache.source().agree() && cache.target().agree()
        ? "measured, as computed"
        : "measured; computed is another number";
  }

  private static void addDecode(List<Row> rows, DecodeFindings decode) {
    rows.add(
        new Row(
            "decode against prefill, logits",
            Numbers.of(decode.source().maxDifference()),
            Numbers.of(decode.target().maxDifference()),
            "largest difference"));
    rows.add(
        new Row(
            "greedy tokens before they part",
            "",
            "",
            "%s of %d".formatted(Numbers.round(decode.agreement()), decode.continuation())));
  }

  private static double percentile(LogitFindings logits, double percent) {
    return logits.klPercentiles().getOrDefault(percent, Double.NaN);
  }

  private static String bounded(Estimate estimate) {
    return "%s (%s to %s)"
        .formatted(
            Numbers.of(estimate.value()),
            Numbers.of(estimate.lower()),
            Numbers.of(estimate.upper()));
  }

  private static String share(Estimate estimate) {
    return "%s (at least %s)"
        .formatted(Numbers.percent(estimate.value()), Numbers.percent(estimate.lower()));
  }
}
