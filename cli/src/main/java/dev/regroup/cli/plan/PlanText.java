package dev.regroup.cli.plan;

import dev.regroup.cli.console.Quantity;
import dev.regroup.cli.console.Table;
import dev.regroup.cli.inspect.Inspection;
import dev.regroup.cli.inspect.LayerRun;
import dev.regroup.cli.inspect.LayoutText;
import dev.regroup.converters.fit.FitPlan;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.architecture.ModelSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// A plan for people.
public final class PlanText {
  private PlanText() {}

  /// The lines to print.
  ///
  /// @param source the path that was planned for
  /// @param fit what follows the closed form where there is calibration text
  public static List<String> of(String source, ConversionPlan plan, FitPlan fit) {
    var lines = new ArrayList<String>();
    lines.add("%s to %s".formatted(source, plan.request().target().label()));
    lines.add("  source " + layouts(plan.source()));
    lines.add("  target " + layouts(plan.target()));
    lines.add(
        "  output %s in %d file%s; heap at most %s"
            .formatted(
                Quantity.bytes(plan.outputBytes()),
                plan.shards().files().size(),
                plan.shards().files().size() == 1 ? "" : "s",
                Quantity.bytes(plan.peakMemoryBytes())));
    lines.add("  " + FitText.of(fit));
    plan.notes().forEach(note -> lines.add("  note: " + note));
    lines.add("");
    lines.addAll(cache(plan));
    lines.add("");
    lines.addAll(fates(plan));
    lines.add("");
    lines.addAll(families(plan));
    return lines;
  }

  private static String layouts(ModelSpec model) {
    return LayerRun.of(model.layers()).stream()
        .map(run -> run.attention().layout())
        .distinct()
        .map(layout -> "%s: %s".formatted(layout.label(), LayoutText.heads(layout)))
        .collect(Collectors.joining("; "));
  }

  private static List<String> cache(ConversionPlan plan) {
    var table = new Table("tensor parallel", "cache B/token before", "after", "after / before");
    for (int ranks : Inspection.TENSOR_PARALLEL) {
      long before = Inspection.cacheBytesPerToken(plan.source(), ranks);
      long after = Inspection.cacheBytesPerToken(plan.target(), ranks);
      table.row(
          ranks,
          Quantity.grouped(before),
          Quantity.grouped(after),
          Quantity.percent(after, before));
    }
    return table.lines();
  }

  private static List<String> fates(ConversionPlan plan) {
    var table = new Table("tensors", "number", "bytes", "");
    for (Fate fate : Fate.values()) {
      table.row(
          label(fate),
          plan.tensors(fate).size(),
          Quantity.bytes(plan.bytes(fate)),
          switch (fate) {
            case KEPT -> "copied byte for byte";
            case WRITTEN -> "computed from the source's attention";
            case DROPPED -> "in the source only";
          });
    }
    return table.lines();
  }

  private static List<String> families(ConversionPlan plan) {
    var table = new Table("", "name", "dtype", "shape", "tensors", "bytes");
    TensorFamily.of(plan.tensors())
        .forEach(
            (family, size) ->
                table.row(
                    label(family.fate()),
                    family.pattern(),
                    family.dtype(),
                    family.shape(),
                    size.tensors(),
                    Quantity.bytes(size.bytes())));
    return table.lines();
  }

  private static String label(Fate fate) {
    return fate.name().toLowerCase(Locale.ROOT);
  }
}
