package dev.regroup.converters.closedform;

import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.SymmetricEigen;
import dev.regroup.runtime.linalg.SymmetricRoot;
import java.util.List;
import java.util.Objects;

/// An orthonormal frame `P = [P1 P2]` that maximises `tr(P1ᵀ·K·P1) + tr(Pᵀ·V·P)`: the GTA state, whose
/// first block is key and value and whose second block is value alone.
///
/// No closed form is known; three ascents, each monotone, from three starts, and the best end is kept:
/// within the span of P the best P1 are the leading eigenvectors of K; given P1 the best P2 are those of
/// V on its complement; and the polar factor of the gradient never lowers the sum since K and V are
/// positive. Source: the design notes' section 3.4.
final class TwoBlock {
  private static final int MAX_ITERATIONS = 50;
  private static final double TOLERANCE = 1e-9;

  private TwoBlock() {}

  /// @param key K, `[n, n]`, positive
  /// @param value V, `[n, n]`, positive
  /// @param keyDim columns of P1
  /// @param stateDim columns of P
  static Matrix solve(Matrix key, Matrix value, int keyDim, int stateDim) {
    Matrix both = key.plus(value);
    Matrix values = leading(value, stateDim);
    Matrix[] starts = {
      leading(both, keyDim),
      leading(key, keyDim),
      values.times(leading(values.transposeTimes(key).times(values), keyDim))
    };
    Matrix best = null;
    double bestSum = Double.NEGATIVE_INFINITY;
    for (Matrix start : starts) {
      Matrix frame = ascend(key, value, both, start, stateDim);
      double sum = sum(key, value, frame, keyDim);
      if (sum > bestSum * (1 + TOLERANCE)) {
        best = frame;
        bestSum = sum;
      }
    }
    return Objects.requireNonNull(best);
  }

  private static Matrix ascend(Matrix key, Matrix value, Matrix both, Matrix start, int stateDim) {
    int keyDim = start.columns();
    Matrix first = start;
    double last = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < MAX_ITERATIONS; i++) {
      Matrix frame = completed(key, value, first, stateDim);
      Matrix gradient =
          Matrix.beside(
              List.of(
                  both.times(frame.columns(0, keyDim)),
                  value.times(frame.columns(keyDim, stateDim - keyDim))));
      Matrix polar = orthonormal(gradient);
      first = polar.columns(0, keyDim);
      double sum = sum(key, value, polar, keyDim);
      if (Math.abs(sum - last) < TOLERANCE * Math.abs(sum)) {
        break;
      }
      last = sum;
    }
    return completed(key, value, orthonormal(first), stateDim);
  }

  /// The polar factor: the orthonormal columns nearest to these.
  private static Matrix orthonormal(Matrix columns) {
    return columns.times(SymmetricRoot.of(columns.gram(), 1e-14).inverse());
  }

  /// The best second block beside `first`, then the best key block within the span of both.
  private static Matrix completed(Matrix key, Matrix value, Matrix first, int stateDim) {
    int n = first.rows();
    Matrix complement = Matrix.identity(n).minus(first.outerGram());
    Matrix rest = complement.times(value).times(complement);
    Matrix frame = Matrix.beside(List.of(first, leading(rest, stateDim - first.columns())));
    return frame.times(leading(frame.transposeTimes(key).times(frame), stateDim));
  }

  private static double sum(Matrix key, Matrix value, Matrix frame, int keyDim) {
    Matrix first = frame.columns(0, keyDim);
    return first.dot(key.times(first)) + frame.dot(value.times(frame));
  }

  private static Matrix leading(Matrix symmetric, int count) {
    return SymmetricEigen.of(symmetric).leading(count);
  }
}
