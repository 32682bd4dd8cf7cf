package dev.regroup.converters.source;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.Products;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/// The attention tensors of one layer, float32, and what several look for in them.
public final class LayerWeights {
  private final Map<AttentionTensor, float[]> tensors;
  private final Map<Integer, Matrix> outputGrams = new ConcurrentHashMap<>();

  /// Weights in memory.
  ///
  /// @param tensors every tensor of the layer's attention sublayer
  public LayerWeights(Map<AttentionTensor, float[]> tensors) {
    this.tensors = tensors;
  }

  /// Every tensor of the layer's attention sublayer.
  public Map<AttentionTensor, float[]> tensors() {
    return tensors;
  }

  /// W_O^hᵀ·W_O^h of a head, `[d_v, d_v]`; computed once, since in a wide layer it is the largest product.
  ///
  /// Of an MLA layer it is summed in float32, on the weights where they lie: there it only weighs errors,
  /// and what is computed with it needs no inverse.
  public Matrix outputGram(AttentionLayout layout, int head) {
    Matrix known = outputGrams.get(head);
    if (known == null) {
      int dim = layout.valueDim();
      int width = layout.queryHeads() * dim;
      known =
          layout instanceof Gla
              ? floatGram(width, head * dim, dim)
              : columns(AttentionTensor.O_PROJ, width, head * dim, dim).gram();
      outputGrams.put(head, known);
    }
    return known;
  }

  private Matrix floatGram(int width, int first, int count) {
    float[] output = get(AttentionTensor.O_PROJ);
    FloatBlock gram = FloatBlock.zeros(count, count);
    Products.fast()
        .square(
            Form.LEFT_TRANSPOSED,
            FloatBlock.of(output.length / width, width, output).columns(first, count),
            gram);
    return Matrix.of(count, count, gram.elements());
  }

  /// Reads one layer.
  ///
  /// @param allowNonFinite whether NaN and infinite weights count as zero instead of being refused
  /// @throws CheckpointException where an element is not finite, unless that is allowed
  public static LayerWeights read(
      Tensors source, ModelSpec spec, int layer, boolean allowNonFinite) {
    return read(source, spec, layer, allowNonFinite, Map.of());
  }

  /// Reads one layer into the arrays of another that nobody needs any more: those of a wide layer are
  /// large, and new ones would have to be cleared, and moved by the collector.
  ///
  /// @param spent overwritten where they have the right length
  /// @throws CheckpointException where an element is not finite, unless that is allowed
  public static LayerWeights read(
      Tensors source,
      ModelSpec spec,
      int layer,
      boolean allowNonFinite,
      Map<AttentionTensor, float[]> spent) {
    Map<AttentionTensor, float[]> tensors = new EnumMap<>(AttentionTensor.class);
    for (AttentionTensor tensor :
        spec.layers().get(layer).attention().tensors(spec.hiddenSize()).keySet()) {
      float[] values = source.floats(tensor.in(layer), spent.getOrDefault(tensor, new float[0]));
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

  /// Rows `[first, first + count)` of a tensor whose rows have `columns` elements, float64.
  public Matrix rows(AttentionTensor tensor, int columns, int first, int count) {
    double[] part = new double[count * columns];
    rows(tensor, columns, first, count, part, 0);
    return new Matrix(count, columns, part);
  }

  /// The same, put into an array from element `at` on.
  public void rows(
      AttentionTensor tensor, int columns, int first, int count, double[] into, int at) {
    float[] elements = get(tensor);
    int from = first * columns;
    Objects.checkFromIndexSize(from, count * columns, elements.length);
    for (int i = 0; i < count * columns; i++) {
      into[at + i] = elements[from + i];
    }
  }

  /// Columns `[first, first + count)` of a tensor whose rows have `width` elements, float64.
  public Matrix columns(AttentionTensor tensor, int width, int first, int count) {
    Objects.checkFromIndexSize(first, count, width);
    float[] elements = get(tensor);
    int rows = elements.length / width;
    double[] part = new double[rows * count];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < count; c++) {
        part[r * count + c] = elements[r * width + first + c];
      }
    }
    return new Matrix(rows, count, part);
  }

  private static void checkFinite(String name, float[] values, boolean allowed) {
    if (allFinite(values)) {
      return;
    }
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        if (!allowed) {
          throw FiniteCheck.refused(name, i);
        }
        values[i] = 0;
      }
    }
  }

  /// Adding an exponent's lowest bit carries into the cleared sign where all its bits are set: a loop
  /// that the JIT vectorises.
  private static boolean allFinite(float[] values) {
    int carries = 0;
    for (int i = 0; i < values.length; i++) {
      carries |= (Float.floatToRawIntBits(values[i]) & 0x7FFF_FFFF) + 0x0080_0000;
    }
    return carries >= 0;
  }
}
