package dev.regroup.cli.plan;

import dev.regroup.cli.inspect.Inspection;
import dev.regroup.converters.fit.FitPlan;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor;
import java.util.Locale;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A plan for programs. Keys are only ever added; `format` counts the exceptions.
public final class PlanJson {
  private PlanJson() {}

  /// The object to print.
  ///
  /// @param source the path that was planned for
  /// @param fit what follows the closed form where there is calibration text
  public static ObjectNode of(String source, ConversionPlan plan, FitPlan fit) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("format", "regroup.plan/1");
    root.put("source", source);
    root.put("to", plan.request().target().label());
    addCache(root, plan);
    root.putObject("output")
        .put("bytes", plan.outputBytes())
        .put("files", plan.shards().files().size())
        .put("peak_memory_bytes", plan.peakMemoryBytes());
    root.putObject("fit")
        .put("steps", fit.steps())
        .put("norm_steps", fit.normSteps())
        .put("windows_per_step", fit.windowsPerStep())
        .put("window_tokens", fit.windowTokens())
        .put("operations", fit.operations());
    ArrayNode notes = root.putArray("notes");
    plan.notes().forEach(notes::add);
    ArrayNode tensors = root.putArray("tensors");
    plan.tensors().forEach(tensor -> addTensor(tensors.addObject(), tensor));
    return root;
  }

  /// The cache's bytes before and after, for one device and several.
  static void addCache(ObjectNode root, ConversionPlan plan) {
    ObjectNode cache = root.putObject("cache");
    cache.put("element_bytes", Inspection.CACHE_ELEMENT_BYTES);
    cache.put("source_bytes_per_token", Inspection.cacheBytesPerToken(plan.source(), 1));
    cache.put("target_bytes_per_token", Inspection.cacheBytesPerToken(plan.target(), 1));
    ArrayNode devices = cache.putArray("per_device");
    for (int ranks : Inspection.TENSOR_PARALLEL) {
      devices
          .addObject()
          .put("tensor_parallel", ranks)
          .put("source_bytes_per_token", Inspection.cacheBytesPerToken(plan.source(), ranks))
          .put("target_bytes_per_token", Inspection.cacheBytesPerToken(plan.target(), ranks));
    }
  }

  private static void addTensor(ObjectNode node, PlannedTensor tensor) {
    node.put("name", tensor.info().name())
        .put("fate", tensor.fate().name().toLowerCase(Locale.ROOT))
        .put("dtype", tensor.info().dtype().name());
    ArrayNode shape = node.putArray("shape");
    tensor.info().shape().extents().forEach(shape::add);
    node.put("bytes", tensor.info().bytes());
  }
}
