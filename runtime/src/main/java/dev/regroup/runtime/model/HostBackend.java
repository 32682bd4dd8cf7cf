package dev.regroup.runtime.model;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Tensors;
import java.util.Map;

/// The CPU.
record HostBackend(Operations operations) implements Backend {
  @Override
  public DecoderLayer layer(ModelSpec model, int index, Tensors weights) {
    return LoadedLayer.read(model, index, weights, operations);
  }

  @Override
  public DecoderLayer layer(ModelSpec model, int index, Tensors weights, DecoderLayer feedForward) {
    return feedForward instanceof LoadedLayer other
        ? other.withAttentionOf(model, index, weights)
        : layer(model, index, weights);
  }

  @Override
  public OutputHead head(ModelSpec model, Tensors weights) {
    return new HostHead(
        model.hiddenSize(),
        model.normEpsilon(),
        weights.floats(ModelSpec.FINAL_NORM),
        weights.floats(model.headTensor()),
        operations);
  }

  @Override
  public AttentionSublayer attention(
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      Map<AttentionTensor, float[]> weights) {
    return AttentionSublayers.of(spec, hiddenSize, normEpsilon, weights, operations);
  }
}
