package dev.regroup.cli.demo;

import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The demo's results for programs: every verification report, under its model's name.
public final class DemoJson {
  private DemoJson() {}

  /// The object to print.
  public static ObjectNode of(List<DemoResult> results) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("format", "regroup.demo/1");
    ArrayNode conversions = root.putArray("conversions");
    for (DemoResult result : results) {
      conversions
          .addObject()
          .put("name", result.name())
          .put("source", result.source())
          .put("seconds", result.seconds())
          .set("report", JsonMapper.shared().readTree(result.report().json()));
    }
    return root;
  }
}
