package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.Product.Triangle;
import dev.regroup.runtime.train.ScalarTrainingMath;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The calls that a product comes to, executed by plain loops over column-major matrices as BLAS
/// defines them, give what the definition of products gives, and touch nothing else.
final class ColumnMajorTest {
  private final Random random = new Random(3);
  private final ScalarTrainingMath scalar = new ScalarTrainingMath(0);

  /// Rows, columns, depth, members on both levels.
  @ParameterizedTest
  @CsvSource({"1,1,1,1,1", "3,5,7,2,2", "4,6,3,1,4", "5,2,9,3,1", "6,4,5,3,4"})
  void comesToTheSame(int rows, int columns, int depth, int outer, int inner) {
    for (Form form : Form.values()) {
      for (boolean add : new boolean[] {false, true}) {
        for (int shareA : shares(inner)) {
          for (int shareB : shares(inner)) {
            var batch = new Batch(outer, inner);
            check(form, add, Triangle.NONE, batch, new Sizes(rows, columns, depth), shareA, shareB);
          }
        }
      }
    }
  }

  private static List<Integer> shares(int inner) {
    return inner == 4 ? List.of(1, 2, 4) : List.of(1);
  }

  /// Parts of 4 rows.
  @ParameterizedTest
  @CsvSource({"3,3", "4,2", "8,3", "10,5"})
  void takesTrianglesInParts(int tokens, int width) {
    for (boolean add : new boolean[] {false, true}) {
      var batch = new Batch(2, 4);
      var squares = new Sizes(tokens, tokens, width);
      for (Form form : Form.values()) {
        check(form, add, Triangle.RESULT, batch, squares, 1, 2);
      }
      var sizes = new Sizes(tokens, width, tokens);
      for (Form form : Form.values()) {
        check(form, add, Triangle.LEFT, batch, sizes, 1, 2);
      }
    }
  }

  @Test
  void leavesOutWhatLiesBeyondTheDiagonal() {
    long[] work = new long[2];
    Memory memory = scalar.allocate(1);
    for (int i = 0; i < 2; i++) {
      var product =
          new Product(
              Form.RIGHT_TRANSPOSED,
              1,
              false,
              i == 0 ? Triangle.NONE : Triangle.RESULT,
              Batch.ONE,
              new Sizes(16, 16, 8),
              new Factors(Panel.of(memory, 8), Panel.of(memory, 8), Panel.of(memory, 16)));
      for (ColumnMajor call : ColumnMajor.of(product, 4)) {
        work[i] += (long) call.rows() * call.columns() * call.depth();
      }
    }
    assertThat(work[1]).isEqualTo(work[0] * 5 / 8);
  }

  /// Heads that read one map are one product of more rows; windows one after the other are one batch.
  @Test
  void joinsWhatLiesTogether() {
    Memory memory = scalar.allocate(1);
    var joined =
        Product.of(
            Form.PLAIN,
            false,
            new Batch(1, 6),
            new Sizes(4, 5, 3),
            new Factors(
                Panel.each(memory, 3, 12),
                new Panel(memory, 0, 5, 0, 15, 6),
                Panel.each(memory, 5, 20)));
    assertThat(ColumnMajor.of(joined, 4))
        .singleElement()
        .satisfies(
            call -> {
              assertThat(call.columns()).isEqualTo(24);
              assertThat(call.count()).isEqualTo(1);
            });
    var squares = new Panel(memory, 0, 4, 6 * 16, 16, 1);
    var batch =
        Product.of(
            Form.LEFT_TRANSPOSED,
            false,
            new Batch(3, 6),
            new Sizes(4, 4, 4),
            new Factors(squares, squares, squares));
    assertThat(ColumnMajor.of(batch, 4))
        .singleElement()
        .satisfies(call -> assertThat(call.count()).isEqualTo(18));
  }

  private void check(
      Form form, boolean add, Triangle triangle, Batch batch, Sizes sizes, int shareA, int shareB) {
    boolean left = form == Form.LEFT_TRANSPOSED;
    boolean right = form == Form.RIGHT_TRANSPOSED;
    int rowsA = left ? sizes.depth() : sizes.rows();
    int strideA = (left ? sizes.rows() : sizes.depth()) + 3;
    int rowsB = right ? sizes.columns() : sizes.depth();
    int strideB = (right ? sizes.depth() : sizes.columns()) + 1;
    int strideC = sizes.columns() + 2;
    int members = batch.outer() * batch.inner();
    float[] a = gaussian(2 + members * rowsA * strideA);
    if (triangle == Triangle.LEFT) {
      for (int i = 2; i < a.length; i++) {
        int row = (i - 2) / strideA % rowsA;
        int column = (i - 2) % strideA;
        if (column > row) {
          a[i] = column < (row / 4 + 1) * 4 ? 0 : Float.NaN;
        }
      }
    }
    float[] b = gaussian(2 + members * rowsB * strideB);
    float[] c = gaussian(2 + members * sizes.rows() * strideC);
    Memory[] on = {memory(a), memory(b), memory(c)};
    var product =
        new Product(
            form,
            0.7f,
            add,
            triangle,
            batch,
            sizes,
            new Factors(
                panel(on[0], strideA, rowsA, batch, shareA),
                panel(on[1], strideB, rowsB, batch, shareB),
                panel(on[2], strideC, sizes.rows(), batch, 1)));
    float[] found = c.clone();
    for (ColumnMajor call : ColumnMajor.of(product, 4)) {
      execute(call, b, a, found, 0.7f, add ? 1 : 0);
    }
    scalar.multiply(product);
    float[] expected = new float[c.length];
    on[2].download(expected, 0);
    for (int i = 0; i < c.length; i++) {
      int row = (i - 2) / strideC % sizes.rows();
      int column = (i - 2) % strideC;
      boolean wanted = i >= 2 && column < sizes.columns();
      if (wanted && triangle == Triangle.RESULT && column > row) {
        continue;
      }
      assertThat(found[i])
          .as("%s %s %s shares %d, %d: %d", form, triangle, sizes, shareA, shareB, i)
          .isCloseTo(wanted ? expected[i] : c[i], within(1e-5f));
    }
  }

  /// As BLAS has it: element (i, j) of a column-major matrix lies at `i + j · leading`.
  private static void execute(
      ColumnMajor call, float[] first, float[] second, float[] result, float alpha, float beta) {
    for (int m = 0; m < call.count(); m++) {
      for (int i = 0; i < call.rows(); i++) {
        for (int j = 0; j < call.columns(); j++) {
          double sum = 0;
          for (int k = 0; k < call.depth(); k++) {
            sum +=
                (double) element(first, call.first(), m, call.transposeFirst(), i, k)
                    * element(second, call.second(), m, call.transposeSecond(), k, j);
          }
          int at = at(call.result(), m, i, j);
          result[at] = (float) (alpha * sum + (beta == 0 ? 0 : beta * result[at]));
        }
      }
    }
  }

  private static float element(
      float[] all, ColumnMajor.Operand operand, int member, boolean transposed, int i, int j) {
    return all[transposed ? at(operand, member, j, i) : at(operand, member, i, j)];
  }

  private static int at(ColumnMajor.Operand operand, int member, int i, int j) {
    return Math.toIntExact(
        operand.at() + member * operand.step() + i + (long) j * operand.leading());
  }

  private Memory memory(float[] elements) {
    Memory memory = scalar.allocate(elements.length);
    memory.upload(elements, 0);
    return memory;
  }

  private static Panel panel(Memory memory, int stride, int rows, Batch batch, int share) {
    long each = (long) stride * rows;
    return new Panel(memory, 2, stride, batch.inner() * each, each, share);
  }

  private float[] gaussian(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
