package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;

/// Llama 1 to 3 and the many models that share its code.
///
/// `pretraining_tp` cuts matrix products into pieces that sum to the same and is not read.
///
/// Source: transformers 5.18, `models/llama`.
final class Llama implements Architecture {
  @Override
  public String modelType() {
    return "llama";
  }

  @Override
  public String className() {
    return "LlamaForCausalLM";
  }

  @Override
  public ModelSpec describe(ModelConfig config) {
    var common = CommonFields.read(config, 2048);
    var attention =
        GroupedHeads.read(common, 0, 0).attention(GroupedHeads.Biases.allIf(config), false, 0);
    var layer = new LayerSpec(attention, common.dense(config.flag("mlp_bias", false)));
    return common.spec(modelType(), common.eachLayer(i -> layer));
  }
}
