package dev.regroup.cli.bench;

import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.decode.DecodeBench.Report;
import dev.regroup.runtime.cuda.decode.DecodeBench.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// {@link Report} as a table in Markdown and as JSON.
public final class DecodeText {
  private DecodeText() {}

  /// The table, a line a case.
  public static List<String> of(CudaDevice device, Report report) {
    List<String> lines = new ArrayList<>();
    lines.add("%s, driver %s".formatted(device.name(), device.driver()));
    lines.add("device-to-device copy: %s GB/s".formatted(number(report.copyBandwidth() / 1e9, 0)));
    lines.add("");
    lines.add("| layout | batch | context | new | us | GB/s | of copy | TFLOP/s | kernel |");
    lines.add("|---|---:|---:|---:|---:|---:|---:|---:|---|");
    for (Result result : report.results()) {
      lines.add(line(result, report.copyBandwidth()));
    }
    return lines;
  }

  /// One case in a line of the table.
  public static String line(Result result, double copyBandwidth) {
    String start =
        "| %s | %d | %d | %d |"
            .formatted(
                result.of().subject().name(),
                result.of().batch(),
                result.of().tokens(),
                result.of().queryLength());
    return result
        .skipped()
        .map(reason -> "%s | | | | skipped: %s |".formatted(start, reason))
        .orElseGet(
            () ->
                "%s %s | %s | %s %% | %s | %s, %d parts, %d merged |"
                    .formatted(
                        start,
                        number(result.seconds() * 1e6, 1),
                        number(result.bandwidth() / 1e9, 0),
                        number(100 * result.bandwidth() / copyBandwidth, 1),
                        number(result.rate() / 1e12, 1),
                        result.kernel(),
                        result.parts(),
                        result.slots()));
  }

  private static String number(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  /// Versioned JSON; `seconds` is missing where a case was skipped.
  public static JsonNode json(CudaDevice device, Report report) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("version", 1).put("device", device.name()).put("driver", device.driver());
    root.put("copy_bytes_per_second", report.copyBandwidth());
    var rows = root.putArray("results");
    for (Result result : report.results()) {
      ObjectNode row =
          rows.addObject()
              .put("layout", result.of().subject().name())
              .put("batch", result.of().batch())
              .put("context", result.of().tokens())
              .put("query_length", result.of().queryLength());
      if (result.skipped().isPresent()) {
        row.put("skipped", result.skipped().get());
      } else {
        row.put("kernel", result.kernel())
            .put("parts", result.parts())
            .put("merged", result.slots())
            .put("seconds", result.seconds())
            .put("bytes_per_second", result.bandwidth())
            .put("share_of_copy", result.bandwidth() / report.copyBandwidth())
            .put("operations_per_second", result.rate());
      }
    }
    return root;
  }
}
