package dev.regroup.runtime.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What every {@link Products} must do.
abstract class ProductsContract {
  private static final int[] SIZES = {1, 2, 3, 7, 8, 17, 33};

  abstract Products products();

  @ParameterizedTest
  @EnumSource
  void multipliesFloatSlicesAsWrittenOut(Form form) {
    var random = new Random(1);
    for (int m : SIZES) {
      for (int n : SIZES) {
        for (int k : SIZES) {
          FloatBlock a = form == Form.LEFT_TRANSPOSED ? slice(random, k, m) : slice(random, m, k);
          FloatBlock b = form == Form.RIGHT_TRANSPOSED ? slice(random, n, k) : slice(random, k, n);
          FloatBlock c = slice(random, m, n);
          float[] before = c.elements().clone();

          products().multiply(form, 0.5, a, b, 1, c);

          for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
              double sum = 0;
              double size = 1;
              for (int l = 0; l < k; l++) {
                double term =
                    (form == Form.LEFT_TRANSPOSED ? at(a, l, i) : at(a, i, l))
                        * (form == Form.RIGHT_TRANSPOSED ? at(b, j, l) : at(b, l, j));
                sum += term;
                size += Math.abs(term);
              }
              int place = c.offset() + i * c.stride() + j;
              assertThat((double) c.elements()[place])
                  .as("%s %d x %d x %d at (%d, %d)", form, m, n, k, i, j)
                  .isEqualTo(before[place] + 0.5 * sum, within((k + 3) * 6e-8 * size));
              before[place] = c.elements()[place];
            }
          }
          assertThat(c.elements()).as("nothing beside the slice").containsExactly(before);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void multipliesDoublesAsWrittenOut(Form form) {
    var random = new Random(2);
    int m = 19;
    int n = 6;
    int k = 31;
    Matrix a = form == Form.LEFT_TRANSPOSED ? matrix(random, k, m) : matrix(random, m, k);
    Matrix b = form == Form.RIGHT_TRANSPOSED ? matrix(random, n, k) : matrix(random, k, n);
    Matrix c = Matrix.zeros(m, n);

    products().multiply(form, -2, DoubleBlock.of(a), DoubleBlock.of(b), 0, DoubleBlock.of(c));

    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int l = 0; l < k; l++) {
          sum +=
              (form == Form.LEFT_TRANSPOSED ? a.at(l, i) : a.at(i, l))
                  * (form == Form.RIGHT_TRANSPOSED ? b.at(j, l) : b.at(l, j));
        }
        assertThat(c.at(i, j)).isEqualTo(-2 * sum, within(1e-13));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = "PLAIN", mode = EnumSource.Mode.EXCLUDE)
  void squaresSlicesAsTheProductWithThemselves(Form form) {
    var random = new Random(4);
    for (int n : SIZES) {
      for (int k : SIZES) {
        int rows = form == Form.LEFT_TRANSPOSED ? k : n;
        int columns = form == Form.LEFT_TRANSPOSED ? n : k;
        var a = new DoubleBlock(doubles(random, 300 + rows * 40), 5, rows, columns, columns + 3);
        var c = new DoubleBlock(doubles(random, 300 + n * 40), 7, n, n, n + 2);
        double[] expected = c.elements().clone();
        new ScalarProducts().multiply(form, 1, a, a, 0, new DoubleBlock(expected, 7, n, n, n + 2));

        products().square(form, a, c);

        assertThat(c.elements()).containsExactly(expected, within(1e-12));
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < i; j++) {
            assertThat(c.elements()[7 + i * (n + 2) + j])
                .isEqualTo(c.elements()[7 + j * (n + 2) + i]);
          }
        }
      }
    }
    assertThatThrownBy(
            () ->
                products()
                    .square(
                        Form.PLAIN,
                        DoubleBlock.of(Matrix.identity(2)),
                        DoubleBlock.of(Matrix.identity(2))))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @EnumSource(names = "PLAIN", mode = EnumSource.Mode.EXCLUDE)
  void squaresFloatSlicesAsTheProductWithThemselves(Form form) {
    var random = new Random(5);
    for (int n : SIZES) {
      for (int k : SIZES) {
        FloatBlock a = form == Form.LEFT_TRANSPOSED ? slice(random, k, n) : slice(random, n, k);
        FloatBlock c = slice(random, n, n);
        float[] expected = c.elements().clone();
        new ScalarProducts()
            .multiply(form, 1, a, a, 0, new FloatBlock(expected, c.offset(), n, n, c.stride()));

        products().square(form, a, c);

        assertThat(c.elements()).containsExactly(expected, within(3e-5f));
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < i; j++) {
            assertThat(at(c, i, j)).isEqualTo(at(c, j, i));
          }
        }
      }
    }
    assertThatThrownBy(
            () -> products().square(Form.PLAIN, FloatBlock.zeros(2, 2), FloatBlock.zeros(2, 2)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static double[] doubles(Random random, int count) {
    return random.doubles(count).toArray();
  }

  @Test
  void overwritesWhatItDoesNotKeep() {
    FloatBlock c = FloatBlock.of(1, 1, new float[] {Float.NaN});
    FloatBlock one = FloatBlock.of(1, 1, new float[] {3});
    products().multiply(Form.PLAIN, 1, one, one, 0, c);
    assertThat(c.elements()).containsExactly(9);
  }

  @Test
  void cutsLongProductsWithoutASeam() {
    var random = new Random(3);
    FloatBlock a = slice(random, 200, 1500);
    FloatBlock b = slice(random, 3000, 1500);
    FloatBlock c = FloatBlock.zeros(200, 3000);
    products().multiply(Form.RIGHT_TRANSPOSED, 1, a, b, 0, c);
    for (int row : new int[] {0, 63, 64, 118, 119, 127, 128, 199}) {
      double sum = 0;
      for (int l = 0; l < 1500; l++) {
        sum += at(a, row, l) * at(b, 2999, l);
      }
      assertThat(at(c, row, 2999)).isEqualTo(sum, within(1e-3));
    }
  }

  @Test
  void refusesExtentsThatDoNotFit() {
    FloatBlock a = FloatBlock.zeros(2, 3);
    FloatBlock c = FloatBlock.zeros(2, 2);
    assertThatThrownBy(() -> products().multiply(Form.PLAIN, 1, a, a, 0, c))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("PLAIN: 2 x 3 and 2 x 3 do not give 2 x 2");
  }

  private static double at(FloatBlock block, int row, int column) {
    return block.elements()[block.offset() + row * block.stride() + column];
  }

  /// A block with elements before, between and behind its rows.
  private static FloatBlock slice(Random random, int rows, int columns) {
    int stride = columns + 3;
    float[] elements = new float[5 + rows * stride + 2];
    for (int i = 0; i < elements.length; i++) {
      elements[i] = (float) random.nextGaussian();
    }
    return new FloatBlock(elements, 5, rows, columns, stride);
  }

  private static Matrix matrix(Random random, int rows, int columns) {
    Matrix matrix = Matrix.zeros(rows, columns);
    for (int i = 0; i < matrix.elements().length; i++) {
      matrix.elements()[i] = random.nextGaussian();
    }
    return matrix;
  }
}
