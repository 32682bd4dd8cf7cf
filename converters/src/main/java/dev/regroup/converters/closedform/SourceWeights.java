package dev.regroup.converters.closedform;

import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.runtime.linalg.Matrix;

/// The source layer's weights, head by head, in float64: a matrix of all heads is never widened whole.
final class SourceWeights {
  private final AttentionSpec spec;
  private final LayerWeights weights;
  private final int hiddenSize;
  private final AttentionTensor queryTensor;
  private final int queryInputs;

  SourceWeights(AttentionSpec spec, LayerWeights weights, int hiddenSize) {
    this.spec = spec;
    this.weights = weights;
    this.hiddenSize = hiddenSize;
    queryTensor =
        switch (spec.query()) {
          case QueryPath.Direct _, QueryPath.Mixed _ -> AttentionTensor.Q_PROJ;
          case QueryPath.LowRank _ -> AttentionTensor.Q_B_PROJ;
          case QueryPath.Reference _ -> throw new IllegalArgumentException("a target only");
        };
    int rows = spec.layout().queryHeads() * spec.layout().queryDim();
    queryInputs = weights.get(queryTensor).length / rows;
  }

  int hiddenSize() {
    return hiddenSize;
  }

  /// Columns of the query projection: D, or the rank of a low-rank path.
  int queryInputs() {
    return queryInputs;
  }

  /// The query projection of all heads, float32.
  float[] queries() {
    return weights.get(queryTensor);
  }

  /// The output projection of all heads, float32.
  float[] outputs() {
    return weights.get(AttentionTensor.O_PROJ);
  }

  /// The query projection of one head, `[d_n + d_r, D_q]`.
  Matrix query(int head) {
    int dim = spec.layout().queryDim();
    return weights.rows(queryTensor, queryInputs, head * dim, dim);
  }

  /// The output projection of one head, `[D, d_v]`.
  Matrix output(int head) {
    int dim = spec.layout().valueDim();
    return weights.columns(
        AttentionTensor.O_PROJ, spec.layout().queryHeads() * dim, head * dim, dim);
  }

  /// Rows `[first, first + count)` of a tensor whose rows have `columns` elements.
  Matrix rows(AttentionTensor tensor, int columns, int first, int count) {
    return weights.rows(tensor, columns, first, count);
  }

  /// The same, put into an array from element `at` on.
  void rows(AttentionTensor tensor, int columns, int first, int count, double[] into, int at) {
    weights.rows(tensor, columns, first, count, into, at);
  }

  /// W_O^hᵀ·W_O^h, `[d_v, d_v]`.
  Matrix outputGram(int head) {
    return weights.outputGram(spec.layout(), head);
  }

  /// One tensor as a matrix of `rows` rows.
  Matrix matrix(AttentionTensor tensor, int rows) {
    return weights.matrix(tensor, rows);
  }
}
