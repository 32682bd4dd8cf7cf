package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// The output projection is found where tokens tell it, and left where they do not.
final class OutputRefitTest {
  private static final int HIDDEN = 6;
  private static final int WIDTH = 10;

  /// Moments are float32, and a ridge of 1e-4 is all that holds directions without tokens.
  private static final double ROUNDING = 1e-2;

  private final Random random = new Random(3);

  @Test
  void findsAPlantedProjection() {
    float[] planted = normal(HIDDEN * WIDTH);
    float[] found = solve(windows(12, 9, planted), normal(HIDDEN * WIDTH));
    assertThat(distance(found, planted)).isLessThan(1e-3 * distance(planted, new float[60]));
  }

  @Test
  void staysAtTheProjectionAtHandWhereItFits() {
    float[] planted = normal(HIDDEN * WIDTH);
    float[] found = solve(windows(3, 2, planted), planted);
    assertThat(distance(found, planted)).isLessThan(ROUNDING);
  }

  @Test
  void leavesWhatFewTokensDoNotSay() {
    float[] planted = normal(HIDDEN * WIDTH);
    float[] prior = normal(HIDDEN * WIDTH);
    List<OutputRefit.Window> windows = windows(1, 3, planted);
    float[] found = solve(windows, prior);
    FloatBlock heads = windows.getFirst().heads();
    float[] wanted = windows.getFirst().targets().elements();
    float[] got = product(heads, found).elements();
    assertThat(distance(got, wanted)).isLessThan(1e-2 * distance(wanted, new float[18]));
    // 3 of 10 directions are seen: the rest of the way to the planted projection is not gone
    float[] probe = orthogonalTo(heads);
    float[] expected = product(FloatBlock.of(1, WIDTH, probe), prior).elements();
    float[] kept = product(FloatBlock.of(1, WIDTH, probe), found).elements();
    assertThat(distance(kept, expected)).isLessThan(ROUNDING);
  }

  private static float[] solve(List<OutputRefit.Window> windows, float[] prior) {
    return OutputRefit.solve(windows.size(), windows::get, prior, HIDDEN);
  }

  private List<OutputRefit.Window> windows(int count, int tokens, float[] planted) {
    return IntStream.range(0, count)
        .mapToObj(
            i -> {
              FloatBlock heads = FloatBlock.of(tokens, WIDTH, normal(tokens * WIDTH));
              return new OutputRefit.Window(heads, product(heads, planted));
            })
        .toList();
  }

  private static FloatBlock product(FloatBlock heads, float[] output) {
    FloatBlock product = FloatBlock.zeros(heads.rows(), HIDDEN);
    AttentionPass.multiply(
        Form.RIGHT_TRANSPOSED, heads, FloatBlock.of(HIDDEN, WIDTH, output), 0, product);
    return product;
  }

  /// A unit vector that no row of `rows` has a share of.
  private float[] orthogonalTo(FloatBlock rows) {
    double[][] basis = new double[rows.rows()][];
    for (int r = 0; r < basis.length; r++) {
      double[] row = new double[WIDTH];
      for (int c = 0; c < WIDTH; c++) {
        row[c] = rows.elements()[r * WIDTH + c];
      }
      basis[r] = unitApart(row, basis, r);
    }
    double[] drawn = random.doubles(WIDTH, -1, 1).toArray();
    double[] unit = unitApart(drawn, basis, basis.length);
    float[] floats = new float[WIDTH];
    for (int c = 0; c < WIDTH; c++) {
      floats[c] = (float) unit[c];
    }
    return floats;
  }

  private static double[] unitApart(double[] row, double[][] basis, int count) {
    for (int b = 0; b < count; b++) {
      double share = dot(row, basis[b]);
      for (int c = 0; c < row.length; c++) {
        row[c] -= share * basis[b][c];
      }
    }
    double length = Math.sqrt(dot(row, row));
    for (int c = 0; c < row.length; c++) {
      row[c] /= length;
    }
    return row;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private float[] normal(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (double) (a[i] - b[i]);
    }
    return Math.sqrt(sum);
  }
}
