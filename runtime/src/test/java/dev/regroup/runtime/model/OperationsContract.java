package dev.regroup.runtime.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What all {@link Operations} must do. Expected values are written out here in float64, so that
/// the definition itself is held to the formula.
///
/// Tolerances: a float32 result is off by half a unit in the last place, 6e-8 of its size, for
/// every rounding on the way to it; sums are bounded by the sum of their terms' sizes.
abstract class OperationsContract {
  private static final double ULP = 6e-8;

  abstract Operations operations();

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 8, 9, 31, 64, 100})
  void linearMultipliesAndAdds(int width) {
    var random = new Random(width);
    int out = 5;
    int rows = 3;
    float[] x = RandomAttention.gaussian(random, rows * width, 1);
    float[] w = RandomAttention.gaussian(random, out * width, 1);
    float[] b = RandomAttention.gaussian(random, out, 1);
    float[] plain = operations().linear(new Linear(width, out, w), x, rows);
    float[] biased = operations().linear(new Linear(width, out, w, b), x, rows);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < out; j++) {
        double sum = 0;
        double size = 1;
        for (int l = 0; l < width; l++) {
          double term = (double) x[i * width + l] * w[j * width + l];
          sum += term;
          size += Math.abs(term);
        }
        double tolerance = (width + 2) * ULP * size;
        assertThat((double) plain[i * out + j]).isEqualTo(sum, within(tolerance));
        assertThat((double) biased[i * out + j])
            .isEqualTo(sum + b[j], within(tolerance + ULP * Math.abs(b[j])));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 8, 9, 31, 64, 100})
  void rmsNormGivesRowsOfUnitMeanSquareTimesTheGain(int width) {
    var random = new Random(width);
    float[] gain = RandomAttention.gaussian(random, width, 1);
    float[] x = RandomAttention.gaussian(random, 3 * width, 0.01);
    double epsilon = 1e-5; // as large as the mean square's tenth, so that it counts
    float[] y = operations().rmsNorm(x, gain, epsilon);
    for (int row = 0; row < 3; row++) {
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += Math.pow(x[row * width + i], 2);
      }
      for (int i = 0; i < width; i++) {
        double expected = x[row * width + i] / Math.sqrt(squares / width + epsilon) * gain[i];
        assertThat((double) y[row * width + i])
            .isEqualTo(expected, within((width + 4) * ULP * Math.abs(expected)));
      }
    }
  }

  /// Central differences in float64: the step's cube and its rounding are both far below float32's.
  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 8, 9, 31, 64, 100})
  void pullRmsNormGivesWhatDifferencesComeTo(int width) {
    var random = new Random(width);
    float[] gain = RandomAttention.gaussian(random, width, 1);
    float[] x = RandomAttention.gaussian(random, 3 * width, 0.01);
    float[] pulled = RandomAttention.gaussian(random, 3 * width, 1);
    float[] byGain = new float[width];
    Arrays.fill(byGain, 2);
    float[] byX = operations().pullRmsNorm(x, gain, 1e-5, pulled, byGain);
    double[] wideX = wide(x);
    double[] wideGain = wide(gain);
    // relative to what the largest derivatives are: some of them cancel
    double tolerance = (width + 4) * ULP * 300 * 3;
    for (int i = 0; i < x.length; i++) {
      double expected = difference(wideX, i, 1e-6, () -> pulledNorm(wideX, wideGain, pulled));
      assertThat((double) byX[i]).as("x[%d]", i).isEqualTo(expected, within(tolerance));
    }
    for (int i = 0; i < width; i++) {
      double expected = difference(wideGain, i, 1e-4, () -> pulledNorm(wideX, wideGain, pulled));
      assertThat((double) byGain[i] - 2)
          .as("gain[%d]", i)
          .isEqualTo(expected, within(20 * ULP * 10));
    }
  }

  private static double[] wide(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private static double difference(double[] at, int i, double step, DoubleSupplier value) {
    double before = at[i];
    at[i] = before + step;
    double ahead = value.getAsDouble();
    at[i] = before - step;
    double behind = value.getAsDouble();
    at[i] = before;
    return (ahead - behind) / (2 * step);
  }

  /// The norm's result, row by row, times what is pulled back.
  private static double pulledNorm(double[] x, double[] gain, float[] pulled) {
    double sum = 0;
    for (int row = 0; row < x.length; row += gain.length) {
      double squares = 0;
      for (int i = 0; i < gain.length; i++) {
        squares += x[row + i] * x[row + i];
      }
      double scale = 1 / Math.sqrt(squares / gain.length + 1e-5);
      for (int i = 0; i < gain.length; i++) {
        sum += x[row + i] * scale * gain[i] * pulled[row + i];
      }
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void rotateTurnsPairsByTheirAngleAndLeavesTheRest(boolean interleaved) {
    int dim = 6;
    int headStride = 11;
    int rowStride = 2 * headStride + 3;
    int first = 12_345;
    Rope rope = new Rope(Rope.standardFrequencies(dim, 50), interleaved, 1.25);
    float[] before = RandomAttention.gaussian(new Random(5), 3 * rowStride, 1);
    float[] x = before.clone();
    operations().rotate(x, new HeadSlices(2, 4, headStride, rowStride), rope, first);
    float[] expected = before.clone();
    for (int row = 0; row < 3; row++) {
      for (int head = 0; head < 2; head++) {
        for (int pair = 0; pair < dim / 2; pair++) {
          int at = row * rowStride + head * headStride + 4;
          int a = at + (interleaved ? 2 * pair : pair);
          int b = at + (interleaved ? 2 * pair + 1 : pair + dim / 2);
          double angle = (first + row) * Math.pow(50, -2.0 * pair / dim);
          expected[a] =
              (float) (1.25 * (before[a] * Math.cos(angle) - before[b] * Math.sin(angle)));
          expected[b] =
              (float) (1.25 * (before[b] * Math.cos(angle) + before[a] * Math.sin(angle)));
        }
      }
    }
    for (int i = 0; i < x.length; i++) {
      assertThat(x[i]).as("element %d", i).isEqualTo(expected[i], within(1e-6f));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 5, 40})
  void softmaxSeesTheWindowUpToTheDiagonal(int window) {
    int rows = 9;
    int columns = 37;
    CausalTile tile = new CausalTile(28, 0, window);
    FloatBlock scores =
        new FloatBlock(
            RandomAttention.gaussian(new Random(1), rows * 40 + 2, 4), 2, rows, columns, 40);
    float[] before = scores.elements().clone();
    for (int row = 0; row < rows; row++) { // what a row does not see may hold anything
      Arrays.fill(
          scores.elements(), 2 + row * 40 + 28 + row + 1, 2 + row * 40 + columns, Float.NaN);
    }
    operations().causalSoftmax(scores, tile);
    for (int row = 0; row < rows; row++) {
      int begin = window == 0 ? 0 : Math.max(0, 28 + row - window + 1);
      double sum = 0;
      for (int j = begin; j <= 28 + row; j++) {
        sum += Math.exp(before[2 + row * 40 + j]);
      }
      for (int j = 0; j < columns; j++) {
        boolean seen = j >= begin && j <= 28 + row;
        double expected = seen ? Math.exp(before[2 + row * 40 + j]) / sum : 0;
        assertThat((double) scores.elements()[2 + row * 40 + j])
            .as("row %d column %d", row, j)
            .isEqualTo(expected, within(seen ? 1e-6 * expected + 1e-12 : 0));
      }
    }
  }

  @Test
  void softmaxOfATileThatBeginsLate() {
    FloatBlock scores = FloatBlock.of(2, 4, new float[] {9, 0, 0, 9, 9, 9, 0, 0});
    operations().causalSoftmax(scores, new CausalTile(102, 100, 2));
    assertThat(scores.elements()).containsExactly(0, 0.5f, 0.5f, 0, 0, 0, 0.5f, 0.5f);
  }

  @Test
  void softmaxStandsScoresOfAnySize() {
    FloatBlock scores = FloatBlock.of(1, 10, new float[] {-3e38f, 0, -1e4f, 0, 0, 0, 0, 0, 0, 0});
    operations().causalSoftmax(scores, new CausalTile(9, 0, 0));
    assertThat(scores.elements()[0]).isLessThan(1e-30f);
    assertThat(scores.elements()[2]).isLessThan(1e-30f);
    assertThat(scores.elements()[9]).isEqualTo(0.125f, within(1e-7f));
    FloatBlock large = FloatBlock.of(1, 2, new float[] {3e38f, 3e38f});
    operations().causalSoftmax(large, new CausalTile(1, 0, 0));
    assertThat(large.elements()).containsExactly(0.5f, 0.5f);
  }

  @Test
  void gateIsSiluTimesUp() {
    float[] gate = new float[403];
    float[] up = new float[gate.length];
    float[] before = new float[gate.length];
    for (int i = 0; i < gate.length; i++) {
      before[i] = (i - 201) * 0.5f;
      up[i] = 2 + i % 3;
    }
    System.arraycopy(before, 0, gate, 0, gate.length);
    operations().gate(gate, up);
    for (int i = 0; i < gate.length; i++) {
      double expected = before[i] / (1 + Math.exp(-before[i])) * up[i];
      assertThat((double) gate[i])
          .as("silu(%s)", before[i])
          .isEqualTo(expected, within(5e-7 * Math.abs(expected) + 1e-34));
    }
  }

  @Test
  void computesTheSameBitsWheneverItIsCalled() {
    float[] first = sample();
    for (int i = 0; i < 3_000; i++) { // until the compiler has replaced the interpreter
      if (i % 500 == 0 || i > 2_990) {
        assertThat(sample()).containsExactly(first);
      } else {
        sample();
      }
    }
  }

  private float[] sample() {
    var random = new Random(9);
    float[] x = RandomAttention.gaussian(random, 111, 3);
    float[] y = operations().rmsNorm(x, RandomAttention.gaussian(random, 37, 1), 1e-5);
    operations().gate(y, x);
    operations().causalSoftmax(FloatBlock.of(3, 37, y), new CausalTile(34, 0, 0));
    return y;
  }
}
