package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Small configs for tests: one of each kind, and changes to them.
final class Configs {
  private static final JsonMapper JSON = new JsonMapper();

  private Configs() {}

  /// Llama with 8 query heads, 4 kv heads and 3 layers.
  static ObjectNode llama() {
    return parse(
        """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
         "num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 4,
         "intermediate_size": 96, "vocab_size": 257, "rms_norm_eps": 1e-05}
        """);
  }

  /// DeepSeek-V3 with one dense layer before two mixtures.
  static ObjectNode deepseekV3() {
    return parse(
        """
        {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"],
         "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
         "q_lora_rank": 24, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8,
         "v_head_dim": 12, "intermediate_size": 96, "moe_intermediate_size": 16,
         "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "n_group": 4,
         "topk_group": 2, "first_k_dense_replace": 1, "vocab_size": 257}
        """);
  }

  /// DeepSeek-V2 over the same sizes.
  static ObjectNode deepseekV2() {
    return with(
        deepseekV3(),
        """
        {"model_type": "deepseek_v2", "architectures": ["DeepseekV2ForCausalLM"],
         "topk_method": "group_limited_greedy", "routed_scaling_factor": 16.0}
        """);
  }

  /// The same fields under another family's names.
  static ObjectNode llamaAs(String modelType, String className) {
    return with(
        llama(),
        "{\"model_type\": \"%s\", \"architectures\": [\"%s\"]}".formatted(modelType, className));
  }

  /// A config with fields set; a field of null is there and null.
  static ObjectNode with(ObjectNode config, String changes) {
    parse(changes).forEachEntry((String key, JsonNode value) -> config.set(key, value));
    return config;
  }

  /// A config without a field.
  static ObjectNode without(ObjectNode config, String key) {
    config.remove(key);
    return config;
  }

  static ModelConfig config(ObjectNode root) {
    return ModelConfig.of(Path.of("config.json"), root);
  }

  static ModelSpec describe(ObjectNode root) {
    return Architectures.describe(config(root));
  }

  static ObjectNode parse(String json) {
    return (ObjectNode) JSON.readTree(json);
  }
}
