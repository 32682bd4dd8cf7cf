package dev.regroup.runtime.model;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Tensors;
import java.util.EnumMap;

/// The attention half of a decoder layer: its norm and its sublayer. The feed-forward half, which in a
/// mixture is nearly all of a layer, is not read.
public final class AttentionLayer {
  private final float[] norm;
  private final double normEpsilon;
  private final AttentionSublayer sublayer;
  private final Operations operations = Operations.fast();

  private AttentionLayer(float[] norm, double normEpsilon, AttentionSublayer sublayer) {
    this.norm = norm;
    this.normEpsilon = normEpsilon;
    this.sublayer = sublayer;
  }

  /// Reads what the attention of one layer needs.
  public static AttentionLayer read(ModelSpec model, int index, Tensors weights) {
    var attention = model.layers().get(index).attention();
    var elements = new EnumMap<AttentionTensor, float[]>(AttentionTensor.class);
    for (AttentionTensor tensor : attention.tensors(model.hiddenSize()).keySet()) {
      elements.put(tensor, weights.floats(tensor.in(index)));
    }
    return new AttentionLayer(
        weights.floats("model.layers." + index + ".input_layernorm.weight"),
        model.normEpsilon(),
        AttentionSublayers.of(attention, model.hiddenSize(), model.normEpsilon(), elements));
  }

  /// What attention adds to the residual stream of one sequence from position 0, both `[tokens, D]`.
  public float[] added(float[] hidden, int tokens) {
    return sublayer.forward(operations.rmsNorm(hidden, norm, normEpsilon), tokens);
  }
}
