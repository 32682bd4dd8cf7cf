package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Shape;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The weights of one attention sublayer, checked against its spec.
final class AttentionWeights {
  private final Map<AttentionTensor, Shape> shapes;
  private final Map<AttentionTensor, float[]> elements = new EnumMap<>(AttentionTensor.class);
  private final double normEpsilon;

  AttentionWeights(
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      Map<AttentionTensor, float[]> weights) {
    this.normEpsilon = normEpsilon;
    shapes = spec.tensors(hiddenSize);
    shapes.forEach(
        (tensor, shape) -> {
          float[] found = weights.get(tensor);
          if (found == null || found.length != shape.elements()) {
            throw new IllegalArgumentException(
                "%s: expected %s, found %s"
                    .formatted(
                        tensor.suffix(),
                        shape,
                        found == null ? "none" : found.length + " elements"));
          }
          elements.put(tensor, found);
        });
  }

  /// Of the norms over heads.
  double normEpsilon() {
    return normEpsilon;
  }

  float[] get(AttentionTensor tensor) {
    float[] found = elements.get(tensor);
    if (found == null) {
      throw new IllegalArgumentException(tensor.suffix() + " is no part of this sublayer");
    }
    return found;
  }

  Linear linear(AttentionTensor weight, @Nullable AttentionTensor bias) {
    float[] found = get(weight);
    Shape shape = shapes.get(weight);
    if (shape == null) {
      throw new IllegalArgumentException(weight.suffix() + " has no shape");
    }
    return new Linear(
        (int) shape.extent(1), (int) shape.extent(0), found, bias == null ? null : get(bias));
  }
}
