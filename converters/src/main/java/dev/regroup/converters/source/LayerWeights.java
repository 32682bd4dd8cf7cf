package dev.regroup.converters.source;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.linalg.Matrix;
import java.util.EnumMap;
import java.util.Map;

/// The attention tensors of one layer, float32.
///
/// @param tensors every tensor of the layer's attention sublayer
public record LayerWeights(Map<AttentionTensor, float[]> tensors) {
  /// Reads one layer.
  ///
  /// @param allowNonFinite whether NaN and infinite weights count as zero instead of being refused
  /// @throws CheckpointException where an element is not finite, unless that is allowed
  public static LayerWeights read(
      Tensors source, ModelSpec spec, int layer, boolean allowNonFinite) {
    Map<AttentionTensor, float[]> tensors = new EnumMap<>(AttentionTensor.class);
    for (AttentionTensor tensor :
        spec.layers().get(layer).attention().tensors(spec.hiddenSize()).keySet()) {
      float[] values = source.floats(tensor.in(layer));
      checkFinite(tensor.in(layer), values, allowNonFinite);
      tensors.put(tensor, values);
    }
    return new LayerWeights(tensors);
  }

  /// One tensor.
  ///
  /// @throws IllegalArgumentException where the layer has none
  public float[] get(AttentionTensor tensor) {
    float[] elements = tensors.get(tensor);
    if (elements == null) {
      throw new IllegalArgumentException("expected " + tensor + " among the layer's weights");
    }
    return elements;
  }

  /// One tensor as a matrix of `rows` rows, float64.
  public Matrix matrix(AttentionTensor tensor, int rows) {
    float[] elements = get(tensor);
    return Matrix.of(rows, elements.length / rows, elements);
  }

  private static void checkFinite(String name, float[] values, boolean allowed) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        if (!allowed) {
          throw FiniteCheck.refused(name, i);
        }
        values[i] = 0;
      }
    }
  }
}
