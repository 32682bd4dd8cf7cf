package dev.regroup.cli.inspect;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorInfo;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// An inspection for programs. Keys are only ever added; `format` counts the exceptions.
public final class InspectionJson {
  private InspectionJson() {}

  /// The object to print.
  public static ObjectNode of(Inspection inspection) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("format", "regroup.inspection/1");
    root.put("path", inspection.path().toString());
    ObjectNode parameters = root.putObject("parameters");
    parameters.put("total", inspection.parameters());
    parameters.put("bytes", inspection.bytes());
    ObjectNode dtypes = root.putObject("dtypes");
    inspection
        .dtypes()
        .forEach((Dtype dtype, Inspection.Stored stored) -> addStored(dtypes, dtype, stored));
    ArrayNode shards = root.putArray("shards");
    for (Checkpoint.Shard shard : inspection.shards()) {
      shards
          .addObject()
          .put("file", String.valueOf(shard.file().getFileName()))
          .put("tensors", shard.tensors().size())
          .put("bytes", shard.bytes());
    }
    inspection
        .model()
        .ifPresentOrElse(model -> addModel(root, model), () -> addTensors(root, inspection));
    ArrayNode warnings = root.putArray("warnings");
    inspection.warnings().forEach(warnings::add);
    return root;
  }

  private static void addStored(ObjectNode dtypes, Dtype dtype, Inspection.Stored stored) {
    dtypes
        .putObject(dtype.name())
        .put("tensors", stored.tensors())
        .put("elements", stored.elements())
        .put("bytes", stored.bytes());
  }

  private static void addTensors(ObjectNode root, Inspection inspection) {
    ArrayNode tensors = root.putArray("tensors");
    for (TensorInfo info : inspection.tensors()) {
      ObjectNode tensor =
          tensors.addObject().put("name", info.name()).put("dtype", info.dtype().name());
      ArrayNode shape = tensor.putArray("shape");
      info.shape().extents().forEach(shape::add);
      tensor.put("bytes", info.bytes());
    }
  }

  private static void addModel(ObjectNode root, ModelSpec model) {
    ((ObjectNode) root.required("parameters"))
        .put("attention", Inspection.attentionParameters(model));
    root.putObject("model")
        .put("architecture", model.architecture())
        .put("layers", model.layers().size())
        .put("extra_layers", model.extraLayers())
        .put("hidden_size", model.hiddenSize())
        .put("vocabulary_size", model.vocabularySize())
        .put("max_positions", model.maxPositions())
        .put("tied_embeddings", model.tiedEmbeddings());
    ArrayNode attention = root.putArray("attention");
    LayerRun.of(model.layers()).forEach(run -> addRun(attention.addObject(), run));
    ObjectNode cache = root.putObject("kv_cache");
    cache
        .put("element_bytes", Inspection.CACHE_ELEMENT_BYTES)
        .put("elements_per_token", model.cacheElements())
        .put("bytes_per_token", Inspection.cacheBytesPerToken(model, 1));
    ArrayNode devices = cache.putArray("per_device");
    for (int ranks : Inspection.TENSOR_PARALLEL) {
      devices
          .addObject()
          .put("tensor_parallel", ranks)
          .put("bytes_per_token", Inspection.cacheBytesPerToken(model, ranks));
    }
  }

  private static void addRun(ObjectNode node, LayerRun run) {
    AttentionLayout layout = run.attention().layout();
    CacheRow row = layout.cacheRow();
    node.put("first_layer", run.first())
        .put("last_layer", run.last())
        .put("layout", layout.label())
        .put("query_heads", layout.queryHeads())
        .put("state_heads", row.stateHeads())
        .put("state_dim", row.stateDim())
        .put("nope_dim", layout.nopeDim())
        .put("rope_dim", layout.ropeDim())
        .put("value_dim", layout.valueDim())
        .put("softmax_scale", run.attention().softmaxScale())
        .put("window", run.attention().window())
        .put("cache_elements_per_token", row.elements())
        .put("cache_bytes_per_token", row.elements() * Inspection.CACHE_ELEMENT_BYTES);
    Rope rope = run.attention().rope();
    RopeSummary summary = RopeSummary.of(run.attention());
    node.putObject("rope")
        .put("kind", summary.kind())
        .put("dim", rope.dim())
        .put("theta", summary.theta())
        .put("factor", summary.factor())
        .put("attention_factor", rope.attentionFactor())
        .put("interleaved", rope.interleaved())
        .set("inverse_frequencies", frequencies(rope));
  }

  private static ArrayNode frequencies(Rope rope) {
    ArrayNode frequencies = JsonNodeFactory.instance.arrayNode();
    rope.inverseFrequencies().forEach(frequencies::add);
    return frequencies;
  }
}
