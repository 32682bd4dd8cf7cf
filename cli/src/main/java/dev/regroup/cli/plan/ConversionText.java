package dev.regroup.cli.plan;

import dev.regroup.cli.console.Quantity;
import dev.regroup.cli.console.Table;
import dev.regroup.cli.inspect.Inspection;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.LayerReport;
import java.util.ArrayList;
import java.util.List;
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
                Quantity.duration(report.seconds())));
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
    lines.add("");
    var table = new Table("layer", "predicted error", "measured error", "before refits");
    for (LayerReport layer : report.layers()) {
      table.row(
          layer.layer(),
          Quantity.significant(layer.predictedError()),
          number(layer.measuredError()),
          number(layer.unrefinedError()));
    }
    lines.addAll(table.lines());
    lines.add("  Errors are squared, relative to the squared size of the source's output.");
    return lines;
  }

  private static String number(OptionalDouble value) {
    return value.isPresent() ? Quantity.significant(value.getAsDouble()) : "-";
  }
}
