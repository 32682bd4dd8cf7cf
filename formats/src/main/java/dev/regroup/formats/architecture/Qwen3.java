package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import java.util.List;

/// Qwen 3 (dense): an RMS norm on every query and key head, and heads whose width is stated apart
/// from `hidden_size`; 128 where it is not stated.
///
/// Source: transformers 5.18, `models/qwen3`.
final class Qwen3 implements Architecture {
  private static final int DEFAULT_HEAD_DIM = 128;

  @Override
  public String modelType() {
    return "qwen3";
  }

  @Override
  public String className() {
    return "Qwen3ForCausalLM";
  }

  @Override
  public ModelSpec describe(ModelConfig config) {
    var common = CommonFields.read(config, 32768);
    var heads = GroupedHeads.read(common, 0, DEFAULT_HEAD_DIM);
    List<Integer> windows = LayerWindows.read(config, common.layers());
    var dense = common.dense(false);
    var biases = GroupedHeads.Biases.allIf(config);
    return common.spec(
        modelType(),
        common.eachLayer(i -> new LayerSpec(heads.attention(biases, true, windows.get(i)), dense)));
  }
}
