package dev.regroup.converters.closedform;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.runtime.linalg.Matrix;
import java.util.Map;

/// The source layer's weights, head by head, in float64.
final class SourceWeights {
  private final AttentionSpec spec;
  private final Map<AttentionTensor, float[]> weights;
  private final int hiddenSize;
  private final Matrix queries;
  private final Matrix outputs;

  SourceWeights(AttentionSpec spec, Map<AttentionTensor, float[]> weights, int hiddenSize) {
    this.spec = spec;
    this.weights = weights;
    this.hiddenSize = hiddenSize;
    int heads = spec.layout().queryHeads();
    float[] query =
        switch (spec.query()) {
          case QueryPath.Direct _ -> get(AttentionTensor.Q_PROJ);
          case QueryPath.LowRank _ -> get(AttentionTensor.Q_B_PROJ);
        };
    int rows = heads * spec.layout().queryDim();
    queries = Matrix.of(rows, query.length / rows, query);
    outputs = Matrix.of(hiddenSize, heads * spec.layout().valueDim(), get(AttentionTensor.O_PROJ));
  }

  int hiddenSize() {
    return hiddenSize;
  }

  /// Columns of the query projection: D, or the rank of a low-rank path.
  int queryInputs() {
    return queries.columns();
  }

  /// The query projection of one head, `[d_n + d_r, D_q]`.
  Matrix query(int head) {
    int dim = spec.layout().queryDim();
    return queries.rows(head * dim, dim);
  }

  /// The output projection of one head, `[D, d_v]`.
  Matrix output(int head) {
    int dim = spec.layout().valueDim();
    return outputs.columns(head * dim, dim);
  }

  /// W_O^hᵀ·W_O^h, `[d_v, d_v]`.
  Matrix outputGram(int head) {
    Matrix output = output(head);
    return output.transposeTimes(output);
  }

  /// One tensor, float32.
  float[] get(AttentionTensor tensor) {
    float[] elements = weights.get(tensor);
    if (elements == null) {
      throw new IllegalArgumentException("expected " + tensor + " among the layer's weights");
    }
    return elements;
  }

  /// One tensor as a matrix of `rows` rows.
  Matrix matrix(AttentionTensor tensor, int rows) {
    float[] elements = get(tensor);
    return Matrix.of(rows, elements.length / rows, elements);
  }
}
