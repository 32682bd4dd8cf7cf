package dev.regroup.converters.closedform;

import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.runtime.linalg.Matrix;

/// The source layer's weights, head by head, in float64.
final class SourceWeights {
  private final AttentionSpec spec;
  private final LayerWeights weights;
  private final int hiddenSize;
  private final Matrix queries;
  private final Matrix outputs;

  SourceWeights(AttentionSpec spec, LayerWeights weights, int hiddenSize) {
    this.spec = spec;
    this.weights = weights;
    this.hiddenSize = hiddenSize;
    int heads = spec.layout().queryHeads();
    float[] query =
        switch (spec.query()) {
          case QueryPath.Direct _, QueryPath.Mixed _ -> weights.get(AttentionTensor.Q_PROJ);
          case QueryPath.LowRank _ -> weights.get(AttentionTensor.Q_B_PROJ);
          case QueryPath.Reference _ -> throw new IllegalArgumentException("a target only");
        };
    int rows = heads * spec.layout().queryDim();
    queries = Matrix.of(rows, query.length / rows, query);
    outputs =
        Matrix.of(
            hiddenSize, heads * spec.layout().valueDim(), weights.get(AttentionTensor.O_PROJ));
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

  /// One tensor as a matrix of `rows` rows.
  Matrix matrix(AttentionTensor tensor, int rows) {
    return weights.matrix(tensor, rows);
  }
}
