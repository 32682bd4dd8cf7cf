package dev.regroup.converters.closedform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.SymmetricEigen;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The state of GTA: no worse than the constructions one would think of, and the best where the best
/// is known.
final class TwoBlockTest {
  private static final int N = 9;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void isOrthonormalAndNoWorseThanSimplerFrames(long seed) {
    var random = new RandomMatrices(seed);
    Matrix key = random.positive(N);
    Matrix value = random.positive(N);
    for (int keyDim = 1; keyDim < 5; keyDim++) {
      int stateDim = keyDim + 2;
      Matrix frame = TwoBlock.solve(key, value, keyDim, stateDim);
      assertThat(frame.columns()).isEqualTo(stateDim);
      assertThat(frame.transposeTimes(frame).minus(Matrix.identity(stateDim)).frobenius())
          .isLessThan(1e-9);
      double found = objective(key, value, frame, keyDim);
      assertThat(found)
          .isGreaterThanOrEqualTo(
              (1 - 1e-9) * objective(key, value, valuesFirst(key, value, stateDim), keyDim))
          .isGreaterThanOrEqualTo(
              (1 - 1e-9) * objective(key, value, jointly(key, value, stateDim), keyDim));
    }
  }

  @Test
  void findsTheBestOfCommutingMatrices() {
    for (long seed = 1; seed < 12; seed++) {
      var random = new RandomMatrices(seed);
      Matrix basis = SymmetricEigen.of(random.positive(N)).vectors();
      double[] keys = random.positives(N);
      double[] values = random.positives(N);
      Matrix key = basis.times(Matrix.diagonal(keys)).timesTranspose(basis);
      Matrix value = basis.times(Matrix.diagonal(values)).timesTranspose(basis);
      Matrix frame = TwoBlock.solve(key, value, 2, 5);
      assertThat(objective(key, value, frame, 2))
          .as("seed %d", seed)
          .isCloseTo(best(keys, values, 2, 5), within(1e-6));
    }
  }

  /// Over commuting matrices the best frame is made of common eigenvectors: tries all.
  private static double best(double[] keys, double[] values, int keyDim, int stateDim) {
    double best = 0;
    for (int state = 0; state < 1 << N; state++) {
      if (Integer.bitCount(state) != stateDim) {
        continue;
      }
      double held = 0;
      double[] within = new double[N];
      for (int i = 0; i < N; i++) {
        if (((state >> i) & 1) != 0) {
          held += values[i];
          within[i] = keys[i];
        }
      }
      Arrays.sort(within);
      for (int i = 0; i < keyDim; i++) {
        held += within[N - 1 - i];
      }
      best = Math.max(best, held);
    }
    return best;
  }

  /// The best values, and of their span the best keys.
  private static Matrix valuesFirst(Matrix key, Matrix value, int stateDim) {
    Matrix span = SymmetricEigen.of(value).leading(stateDim);
    return span.times(SymmetricEigen.of(span.transposeTimes(key).times(span)).leading(stateDim));
  }

  /// The leading components of both together, the first of which serve the key.
  private static Matrix jointly(Matrix key, Matrix value, int stateDim) {
    return SymmetricEigen.of(key.plus(value)).leading(stateDim);
  }

  private static double objective(Matrix key, Matrix value, Matrix frame, int keyDim) {
    Matrix first = frame.columns(0, keyDim);
    return first.transposeTimes(key).times(first).trace()
        + frame.transposeTimes(value).times(frame).trace();
  }
}
