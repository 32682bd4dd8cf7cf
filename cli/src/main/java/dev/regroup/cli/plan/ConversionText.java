package dev.regroup.cli.plan;

import dev.regroup.cli.console.Quantity;
import dev.regroup.cli.console.Table;
import dev.regroup.cli.inspect.Inspection;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.FitOutcome;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.report.ResourceUse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/// A conversion report for people.
public final class ConversionText {
  private ConversionText() {}

  /// The lines to print.
  public static List<String> of(ConversionReport report) {
    ConversionPlan plan = report.plan();
    long before = Inspection.cacheBytesPerToken(plan.source(), 1);
    long after = Inspection.cacheBytesPerToken(plan.target(), 1);
    var lines = new ArrayList<String>();
    lines.add(
        "%s: %s, %s in %d files, made in %s"
            .formatted(
                report.target(),
                plan.request().target().label(),
                Quantity.bytes(plan.outputBytes()),
                plan.shards().files().size(),
                Quantity.duration(report.used().seconds())));
    lines.add(
        "  KV cache %s -> %s B a token (%s)"
            .formatted(
                Quantity.grouped(before),
                Quantity.grouped(after),
                Quantity.percent(after, before)));
    lines.add(
        report.calibrationTokens() == 0
            ? "  calibrated on nothing"
            : "  calibrated on %s tokens of %s"
                .formatted(
                    Quantity.grouped(report.calibrationTokens()), report.calibrationSource()));
    lines.add(memory(report.used()));
    requantized(report).ifPresent(lines::add);
    lines.add("");
    var table =
        new Table(
            "layer", "predicted error", "measured", "closed form", "fit before", "after", "step");
    for (LayerReport layer : report.layers()) {
      table.row(
          layer.layer(),
          Quantity.significant(layer.predictedError()),
          number(layer.measuredError()),
          number(layer.closedFormError()),
          layer.fit().map(fit -> Quantity.significant(fit.before())).orElse("-"),
          layer.fit().map(fit -> Quantity.significant(fit.after())).orElse("-"),
          layer.fit().map(ConversionText::step).orElse("-"));
    }
    lines.addAll(table.lines());
    lines.add(
        "  Errors are squared, relative to the squared size of the source's output: measured and");
    lines.add(
        "  closed form on the source's own input, fit on the stream that the layer is fed, on");
    lines.add("  windows that no step saw, what earlier layers lost included.");
    return lines;
  }

  private static Optional<String> requantized(ConversionReport report) {
    return report.layers().stream()
        .flatMap(layer -> layer.requantized().entrySet().stream())
        .max(Map.Entry.comparingByValue())
        .map(
            most ->
                "  %s tensors in FP8 anew, off by at most %s of their size (%s)"
                    .formatted(
                        Quantity.grouped(
                            report.layers().stream().mapToInt(l -> l.requantized().size()).sum()),
                        Quantity.significant(most.getValue()),
                        most.getKey()));
  }

  private static String step(FitOutcome fit) {
    return switch (fit.ending()) {
      case COMPLETED -> Quantity.grouped(fit.bestStep());
      case DIVERGED -> Quantity.grouped(fit.bestStep()) + " (diverged, rolled back)";
    };
  }

  private static String memory(ResourceUse used) {
    String heap = "  heap at most " + Quantity.bytes(used.peakHeapBytes());
    return used.spilledBytes() == 0
        ? heap
        : heap + ", activations in a temporary file " + Quantity.bytes(used.spilledBytes());
  }

  private static String number(OptionalDouble value) {
    return value.isPresent() ? Quantity.significant(value.getAsDouble()) : "-";
  }
}
