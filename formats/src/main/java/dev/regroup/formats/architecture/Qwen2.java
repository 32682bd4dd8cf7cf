package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import java.util.List;

/// Qwen 2 and 2.5: Llama with biases on queries, keys and values, and windows on upper layers.
///
/// Source: transformers 5.18, `models/qwen2`.
final class Qwen2 implements Architecture {
  @Override
  public String modelType() {
    return "qwen2";
  }

  @Override
  public String className() {
    return "Qwen2ForCausalLM";
  }

  @Override
  public ModelSpec describe(ModelConfig config) {
    var common = CommonFields.read(config, 32768);
    var heads = GroupedHeads.read(common, 0, 0);
    List<Integer> windows = LayerWindows.read(config, common.layers());
    var dense = common.dense(false);
    var biases = GroupedHeads.Biases.QUERY_KEY_VALUE;
    return common.spec(
        modelType(),
        common.eachLayer(
            i -> new LayerSpec(heads.attention(biases, false, windows.get(i)), dense)));
  }
}
