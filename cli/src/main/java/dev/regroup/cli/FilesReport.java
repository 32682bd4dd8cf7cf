package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.console.Quantity;
import dev.regroup.verify.report.ManifestFindings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What is said of a model whose files alone were checked.
final class FilesReport {
  private FilesReport() {}

  static void print(Console console, Path model, ManifestFindings found) {
    boolean good = found.faults().isEmpty();
    if (console.wantsJson()) {
      ObjectNode json = JsonNodeFactory.instance.objectNode();
      json.put("verdict", good ? "PASS" : "FAIL").put("model", model.toString());
      json.put("files", found.files()).put("bytes", found.bytes());
      ArrayNode faults = json.putArray("faults");
      found.faults().forEach(faults::add);
      console.print(json);
      return;
    }
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s: %s: %d files, %s, against the manifest"
            .formatted(
                model, good ? "PASS" : "FAIL", found.files(), Quantity.bytes(found.bytes())));
    found.faults().forEach(fault -> lines.add("  " + fault));
    console.print(lines);
  }
}
