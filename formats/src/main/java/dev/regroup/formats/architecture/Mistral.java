package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;

/// Mistral: Llama without biases, every layer seeing a sliding window of tokens.
///
/// An absent `sliding_window` means 4096 and an absent `num_key_value_heads` means 8, as in the
/// reference; null means no window.
///
/// Source: transformers 5.18, `models/mistral`.
final class Mistral implements Architecture {
  private static final int DEFAULT_KV_HEADS = 8;

  @Override
  public String modelType() {
    return "mistral";
  }

  @Override
  public String className() {
    return "MistralForCausalLM";
  }

  @Override
  public ModelSpec describe(ModelConfig config) {
    var common = CommonFields.read(config, 4096 * 32);
    boolean none = config.copy().path("num_key_value_heads").isNull();
    var attention =
        GroupedHeads.read(common, none ? 0 : DEFAULT_KV_HEADS, 0)
            .attention(GroupedHeads.Biases.NONE, false, window(config));
    var layer = new LayerSpec(attention, common.dense(false));
    return common.spec(modelType(), common.eachLayer(i -> layer));
  }

  private static int window(ModelConfig config) {
    if (config.has("layer_types")) {
      throw CommonFields.unsupported(
          config, "layer_types", "Mistral's layers are all alike; this looks like Ministral");
    }
    return LayerWindows.window(config);
  }
}
