package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.util.HashSet;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// The config of a model that was given DeepSeek's attention and keeps its dense feed-forward layers:
/// what {@link DeepseekV2} and {@link DeepseekV3} describe as that model, and stock loaders run.
///
/// Expert fields are left out and `first_k_dense_replace` is the number of layers: loaders that have
/// defaults for experts then make none. Fields of the source's family that say something about
/// attention go; where they came from stays under `regroup`, which nobody reads.
public final class DeepseekConfig {
  /// The architecture of DeepSeek-V2.
  public static final String V2 = "deepseek_v2";

  /// The architecture of DeepSeek-V3.
  public static final String V3 = "deepseek_v3";

  /// What other families say of attention under names that DeepSeek's does not have.
  private static final List<String> FOREIGN =
      List.of(
          "auto_map",
          "sliding_window",
          "use_sliding_window",
          "max_window_layers",
          "layer_types",
          "pretraining_tp",
          "partial_rotary_factor",
          "original_max_position_embeddings",
          "no_bias",
          "qkv_bias",
          "regroup");

  private DeepseekConfig() {}

  /// Refuses a model whose feed-forward layers DeepSeek's dense layer cannot express.
  ///
  /// @throws UnsupportedModelException where it is no gated MLP without biases, or there are extra layers
  public static void requireExpressible(ModelSpec source) {
    for (int i = 0; i < source.layers().size(); i++) {
      FeedForward feedForward = source.layers().get(i).feedForward();
      if (!(feedForward instanceof FeedForward.Dense(int _, boolean bias)) || bias) {
        throw new UnsupportedModelException(
            ("layer %d: --to mla: DeepSeek's dense layers are gated MLPs without biases, found %s"
                    + " -> --to gla")
                .formatted(i, feedForward));
      }
    }
  }

  /// The config.
  ///
  /// @param source the config of the model it was made from
  /// @param target what the result is: every layer with the same attention, its architecture
  ///     {@link #V2} or {@link #V3}
  public static ObjectNode of(
      ModelConfig source, ModelSpec target, Regrouped.Provenance provenance) {
    ObjectNode config = source.copy();
    String base = Architectures.of(source).modelType();
    FOREIGN.forEach(config::remove);
    boolean third = target.architecture().equals(V3);
    Architecture architecture = third ? new DeepseekV3() : new DeepseekV2();
    config.put("model_type", architecture.modelType());
    config.putArray("architectures").add(architecture.className());
    putModel(config, target);
    putAttention(config, attention(target));
    config.put("first_k_dense_replace", target.layers().size());
    if (third) {
      config.put("rope_interleave", true);
      config.put("num_nextn_predict_layers", 0);
    }
    ObjectNode section = config.putObject("regroup");
    section.put("tool_version", provenance.toolVersion());
    section.put("target", "mla");
    section.put("base_model_type", base);
    section.set("source", provenance.source());
    section.set("options", provenance.options());
    return config;
  }

  /// What families have different defaults for, said outright.
  private static void putModel(ObjectNode config, ModelSpec target) {
    config.put("hidden_act", "silu");
    config.put("mlp_bias", false);
    config.put("rms_norm_eps", target.normEpsilon());
    config.put("tie_word_embeddings", target.tiedEmbeddings());
    config.put("max_position_embeddings", target.maxPositions());
  }

  private static void putAttention(ObjectNode config, AttentionSpec attention) {
    var mla = (Gla) attention.layout();
    config.put("num_attention_heads", mla.queryHeads());
    config.put("num_key_value_heads", mla.queryHeads());
    config.put("kv_lora_rank", mla.latentDim());
    config.put("qk_nope_head_dim", mla.nopeDim());
    config.put("qk_rope_head_dim", mla.ropeDim());
    config.put("qk_head_dim", mla.queryDim());
    config.put("v_head_dim", mla.valueDim());
    // what the rotary table is made for
    config.put("head_dim", mla.ropeDim());
    config.put("attention_bias", attention.outputBias());
    switch (attention.query()) {
      case QueryPath.LowRank(int rank, boolean _) -> config.put("q_lora_rank", rank);
      case QueryPath.Direct _, QueryPath.Mixed _, QueryPath.Reference _ ->
          config.putNull("q_lora_rank");
    }
    double theta =
        attention
            .rope()
            .theta()
            .orElseThrow(
                () -> new IllegalArgumentException("no standard table: " + attention.rope()));
    // both spellings: before transformers 5, and since
    config.put("rope_theta", theta);
    config.putNull("rope_scaling");
    config.putObject("rope_parameters").put("rope_theta", theta).put("rope_type", "default");
  }

  private static AttentionSpec attention(ModelSpec target) {
    var all = new HashSet<>(target.layers().stream().map(LayerSpec::attention).toList());
    if (all.size() != 1) {
      throw new IllegalArgumentException(
          "expected one attention for all layers, found " + all.size());
    }
    return all.iterator().next();
  }
}
