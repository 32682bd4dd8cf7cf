package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// An attention sublayer as JSON: every field of {@link AttentionSpec}, nothing derived.
/// Alternatives carry their name as `kind`.
public final class AttentionJson {
  private AttentionJson() {}

  /// The JSON of a sublayer.
  public static ObjectNode write(AttentionSpec spec) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    writeLayout(json.putObject("layout"), spec.layout());
    writeQuery(json.putObject("query"), spec.query());
    writeState(json.putObject("state"), spec.state());
    ObjectNode rope = json.putObject("rope");
    ArrayNode frequencies = rope.putArray("inverse_frequencies");
    spec.rope().inverseFrequencies().forEach(frequencies::add);
    rope.put("interleaved", spec.rope().interleaved());
    rope.put("attention_factor", spec.rope().attentionFactor());
    json.put("softmax_scale", spec.softmaxScale());
    json.put("output_bias", spec.outputBias());
    json.put("window", spec.window());
    return json;
  }

  /// The sublayer that {@link #write} wrote.
  ///
  /// @throws CheckpointException where a field is missing, or fields contradict each other
  public static AttentionSpec read(ModelConfig json) {
    try {
      return new AttentionSpec(
          readLayout(object(json, "layout")),
          readQuery(object(json, "query")),
          readState(object(json, "state")),
          readRope(object(json, "rope")),
          json.number("softmax_scale"),
          json.flag("output_bias", false),
          json.integer("window", 0));
    } catch (IllegalArgumentException contradiction) {
      throw new CheckpointException(
          json.file() + ": \"regroup\": " + contradiction.getMessage(), contradiction);
    }
  }

  private static void writeLayout(ObjectNode json, AttentionLayout layout) {
    switch (layout) {
      case Gqa(int queryHeads, int kvHeads, int headDim) ->
          json.put("kind", "gqa")
              .put("query_heads", queryHeads)
              .put("kv_heads", kvHeads)
              .put("head_dim", headDim);
      case Gta(int queryHeads, int kvHeads, int headDim, int ropeDim) ->
          json.put("kind", "gta")
              .put("query_heads", queryHeads)
              .put("kv_heads", kvHeads)
              .put("head_dim", headDim)
              .put("rope_dim", ropeDim);
      case Gla gla ->
          json.put("kind", "gla")
              .put("query_heads", gla.queryHeads())
              .put("latent_heads", gla.latentHeads())
              .put("latent_dim", gla.latentDim())
              .put("nope_dim", gla.nopeDim())
              .put("rope_dim", gla.ropeDim())
              .put("value_dim", gla.valueDim());
    }
  }

  private static AttentionLayout readLayout(ModelConfig json) {
    int queryHeads = json.integer("query_heads");
    String kind = json.text("kind");
    return switch (kind) {
      case "gqa" -> new Gqa(queryHeads, json.integer("kv_heads"), json.integer("head_dim"));
      case "gta" ->
          new Gta(
              queryHeads,
              json.integer("kv_heads"),
              json.integer("head_dim"),
              json.integer("rope_dim"));
      case "gla" ->
          new Gla(
              queryHeads,
              json.integer("latent_heads"),
              json.integer("latent_dim"),
              json.integer("nope_dim"),
              json.integer("rope_dim"),
              json.integer("value_dim"));
      default -> throw unknownKind(json, kind, "gqa, gta or gla");
    };
  }

  private static void writeQuery(ObjectNode json, QueryPath query) {
    switch (query) {
      case QueryPath.Direct(boolean bias, boolean headNorm) ->
          json.put("kind", "direct").put("bias", bias).put("head_norm", headNorm);
      case QueryPath.Mixed(int dim, boolean bias) ->
          json.put("kind", "mixed").put("source_head_dim", dim).put("bias", bias);
      case QueryPath.LowRank(int rank, boolean bias) ->
          json.put("kind", "low_rank").put("rank", rank).put("bias", bias);
      case QueryPath.Reference(int rank) -> json.put("kind", "reference").put("rank", rank);
    }
  }

  private static QueryPath readQuery(ModelConfig json) {
    boolean bias = json.flag("bias", false);
    String kind = json.text("kind");
    return switch (kind) {
      case "direct" -> new QueryPath.Direct(bias, json.flag("head_norm", false));
      case "mixed" -> new QueryPath.Mixed(json.integer("source_head_dim"), bias);
      case "low_rank" -> new QueryPath.LowRank(json.integer("rank"), bias);
      case "reference" -> new QueryPath.Reference(json.integer("rank"));
      default -> throw unknownKind(json, kind, "direct, mixed, low_rank or reference");
    };
  }

  private static void writeState(ObjectNode json, StatePath state) {
    switch (state) {
      case StatePath.KeyValue(boolean bias, boolean keyNorm) ->
          json.put("kind", "key_value").put("bias", bias).put("key_norm", keyNorm);
      case StatePath.Tied(boolean bias) -> json.put("kind", "tied").put("bias", bias);
      case StatePath.Latent(int rank, boolean norm, boolean projected, boolean bias) ->
          json.put("kind", "latent")
              .put("rank", rank)
              .put("norm", norm)
              .put("projected", projected)
              .put("bias", bias);
      case StatePath.Encoded(int heads, int dim, boolean bias) ->
          json.put("kind", "encoded")
              .put("source_kv_heads", heads)
              .put("source_head_dim", dim)
              .put("bias", bias);
      case StatePath.Reference() -> json.put("kind", "reference");
    }
  }

  private static StatePath readState(ModelConfig json) {
    boolean bias = json.flag("bias", false);
    String kind = json.text("kind");
    return switch (kind) {
      case "key_value" -> new StatePath.KeyValue(bias, json.flag("key_norm", false));
      case "tied" -> new StatePath.Tied(bias);
      case "latent" ->
          new StatePath.Latent(
              json.integer("rank"), json.flag("norm", false), json.flag("projected", false), bias);
      case "encoded" ->
          new StatePath.Encoded(
              json.integer("source_kv_heads"), json.integer("source_head_dim"), bias);
      case "reference" -> new StatePath.Reference();
      default -> throw unknownKind(json, kind, "key_value, tied, latent, encoded or reference");
    };
  }

  private static Rope readRope(ModelConfig json) {
    return new Rope(
        json.numbers("inverse_frequencies"),
        json.flag("interleaved", false),
        json.number("attention_factor", 1));
  }

  private static ModelConfig object(ModelConfig json, String key) {
    return json.object(key).orElseThrow(() -> json.wrong(key, "is missing"));
  }

  private static CheckpointException unknownKind(ModelConfig json, String kind, String known) {
    return json.wrong("kind", "expected %s, found %s".formatted(known, Quoted.of(kind)));
  }
}
