package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.Map;

/// One decoder layer: norm, attention, residual, norm, feed-forward, residual.
public record LayerSpec(AttentionSpec attention, FeedForward feedForward) {
  /// Every tensor of the layer, under its name in a checkpoint.
  ///
  /// @param layer index from 0
  /// @param hiddenSize D
  public Map<String, Shape> tensors(int layer, int hiddenSize) {
    var tensors = new LinkedHashMap<String, Shape>();
    String prefix = "model.layers." + layer + ".";
    tensors.put(prefix + "input_layernorm.weight", Shape.of(hiddenSize));
    attention
        .tensors(hiddenSize)
        .forEach((AttentionTensor tensor, Shape shape) -> tensors.put(tensor.in(layer), shape));
    tensors.put(prefix + "post_attention_layernorm.weight", Shape.of(hiddenSize));
    feedForward
        .tensors(hiddenSize)
        .forEach((name, shape) -> tensors.put(prefix + "mlp." + name, shape));
    return tensors;
  }
}
