package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.ScalarTrainingMath;
import dev.regroup.runtime.train.TrainingMath;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A GPU's {@link TrainingMath} is the definition, operation by operation, and gives the same bits
/// every time. Products of `depth` terms of size 1 may differ by their float32 sums' rounding.
@SuppressWarnings("NullAway.Init") // JUnit sets the fields
abstract class TrainingContract {
  /// Beside each test's own, which so need not start the device anew.
  private static @Nullable CudaContext held;

  final Random random = new Random(5);
  final TrainingMath scalar = new ScalarTrainingMath(0);
  private CudaContext context;
  TrainingMath cuda;

  abstract TrainingMath training(CudaContext device);

  /// Of a term of a product: partial sums grow as the root of their length, and each is rounded.
  abstract double rounding();

  /// Of what softmax and its transpose leave, relative.
  abstract double squaresRounding();

  /// Numbers that products read without rounding.
  abstract float[] exact(float[] numbers);

  @BeforeAll
  static void hold() {
    held = Gpu.open();
  }

  @AfterAll
  static void release() {
    if (held != null) {
      held.close();
      held = null;
    }
  }

  @BeforeEach
  void open() {
    context = Gpu.open();
    cuda = training(context);
  }

  @AfterEach
  void close() {
    if (context != null) {
      cuda.close();
      context.close();
    }
  }

  /// Rows, columns, depth, members on both levels: small ones, more than a tile of each kind, few
  /// tiles of a great depth.
  @ParameterizedTest
  @CsvSource({
    "1,1,1,1,1",
    "3,5,7,2,2",
    "70,37,45,1,2",
    "130,33,40,3,2",
    "70,96,300,1,4",
    "150,20,150,2,4",
    "260,300,50,4,4",
    "64,48,1111,1,1",
    "130,100,2048,1,2"
  })
  void multiplies(int rows, int columns, int depth, int outer, int inner) {
    var batch = new Product.Batch(outer, inner);
    var sizes = new Product.Sizes(rows, columns, depth);
    for (Form form : Form.values()) {
      for (boolean add : new boolean[] {false, true}) {
        for (int share : inner % 2 == 0 ? new int[] {1, 2} : new int[] {1}) {
          check(form, add, Product.Triangle.NONE, batch, sizes, share);
        }
      }
    }
  }

  /// Tokens, width, members; longer than the largest tile, and no multiple of it.
  @ParameterizedTest
  @CsvSource({"5,3,2", "128,16,2", "150,20,2", "300,40,3", "300,100,2"})
  void leavesWhatLiesAboveTheDiagonal(int tokens, int width, int heads) {
    var batch = new Product.Batch(2, heads);
    check(
        Form.RIGHT_TRANSPOSED,
        true,
        Product.Triangle.RESULT,
        batch,
        new Product.Sizes(tokens, tokens, width),
        1);
    var sizes = new Product.Sizes(tokens, width, tokens);
    check(Form.PLAIN, false, Product.Triangle.LEFT, batch, sizes, 1);
    check(Form.LEFT_TRANSPOSED, false, Product.Triangle.LEFT, batch, sizes, 1);
  }

  private void check(
      Form form,
      boolean add,
      Product.Triangle triangle,
      Product.Batch batch,
      Product.Sizes sizes,
      int share) {
    boolean left = form == Form.LEFT_TRANSPOSED;
    boolean right = form == Form.RIGHT_TRANSPOSED;
    int rowsA = left ? sizes.depth() : sizes.rows();
    int strideA = (left ? sizes.rows() : sizes.depth()) + 3;
    int rowsB = right ? sizes.columns() : sizes.depth();
    int strideB = (right ? sizes.depth() : sizes.columns()) + 1;
    int strideC = sizes.columns() + 2;
    int members = batch.outer() * batch.inner();
    float[] a = gaussian(members * rowsA * strideA);
    if (triangle == Product.Triangle.LEFT) {
      for (int i = 0; i < a.length; i++) {
        int row = i / strideA % rowsA;
        int column = i % strideA;
        if (column > row) {
          a[i] = column < (row / cuda.zeroed() + 1) * cuda.zeroed() ? 0 : Float.NaN;
        }
      }
    }
    float[] b = gaussian(members * rowsB * strideB);
    float[] c = gaussian(members * sizes.rows() * strideC);
    List<float[]> found =
        run(
            List.of(a, b, c),
            (math, on) ->
                math.multiply(
                    new Product(
                        form,
                        0.7f,
                        add,
                        triangle,
                        batch,
                        sizes,
                        new Product.Factors(
                            panel(on.get(0), strideA, rowsA, batch.inner(), 1),
                            panel(on.get(1), strideB, rowsB, batch.inner(), share),
                            panel(on.get(2), strideC, sizes.rows(), batch.inner(), 1)))));
    float[] expected = found.get(2);
    float[] got = found.get(5);
    for (int i = 0; i < expected.length; i++) {
      int row = i / strideC % sizes.rows();
      if (triangle == Product.Triangle.RESULT && i % strideC > row) {
        continue;
      }
      // millions of them: what is told is told of those that differ
      double difference = Math.abs((double) got[i] - expected[i]);
      if (!(difference <= 1e-5 + rounding() * sizes.depth())) {
        assertThat(got[i])
            .as("%s %s %s share %d: element %d", form, triangle, sizes, share, i)
            .isEqualTo(expected[i]);
      }
    }
  }

  private static Panel panel(Memory memory, int stride, int rows, int inner, int share) {
    long each = (long) stride * rows;
    return new Panel(memory, 0, stride, inner * each, each, share);
  }

  @ParameterizedTest
  @CsvSource({"5,0", "150,0", "150,40", "300,7"})
  void takesSoftmaxAndItsTranspose(int tokens, int window) {
    var rows = new TrainingMath.HeadRows(2, tokens, 3, 6);
    int squares = 6 * tokens * tokens;
    int heads = 2 * tokens * 18;
    List<float[]> inputs =
        List.of(gaussian(squares), gaussian(squares), gaussian(heads), gaussian(heads));
    List<float[]> found =
        run(
            inputs,
            tokens,
            (math, on) -> {
              math.causalSoftmax(on.get(0), rows, window);
              math.unweigh(on.get(1), on.get(0), on.get(2), on.get(3), rows, 0.3f);
            });
    assertClose(found.get(0), found.get(4), squaresRounding());
    assertClose(found.get(1), found.get(5), 10 * squaresRounding());
  }

  @Test
  void turnsFoldsAndMoves() {
    Rope rope = new Rope(Rope.standardFrequencies(4, 30), true, 1.2);
    var slices = new TrainingMath.Slices(3, 2, 6, 19);
    List<float[]> inputs =
        List.of(
            gaussian(40 * 19),
            gaussian(40 * 3 * 2 * 5),
            gaussian(40 * 3 * 7),
            gaussian(300),
            gaussian(300),
            gaussian(300),
            gaussian(2),
            gaussian(19));
    List<float[]> found =
        run(
            inputs,
            (math, on) -> {
              math.addBias(on.get(0), on.get(7), 40);
              math.rotate(on.get(0), 40, slices, rope, 20);
              math.fold(on.get(1), on.get(2), new TrainingMath.Fold(40, 3, 2, 5, 7), false);
              math.fold(on.get(1), on.get(2), new TrainingMath.Fold(40, 3, 2, 5, 7), true);
              math.residual(on.get(3), on.get(4), 300, 0.5f, on.get(6), 1, false);
              math.residual(on.get(3), on.get(5), 300, 2f, on.get(6), 1, true);
              math.move(on.get(4), on.get(3), on.get(5), 0.1f);
              math.gather(on.get(4), on.get(5), new int[] {2, -1, 0}, 100);
            });
    for (int i = 0; i < inputs.size(); i++) {
      assertClose(found.get(i), found.get(inputs.size() + i), 2e-3 * (i == 6 ? 1 : 0.01));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,3", "40,2,5", "300,1,64", "300,8,33"})
  void takesNormsAndTheirTransposes(int rows, int groups, int width) {
    int count = rows * groups * width;
    List<float[]> inputs =
        List.of(
            gaussian(count),
            gaussian(count),
            gaussian(count),
            gaussian(count),
            gaussian(groups * width),
            gaussian(width),
            gaussian(groups * width));
    List<float[]> found =
        run(
            inputs,
            (math, on) -> {
              var norm = new TrainingMath.Norm(on.get(4), on.get(5), rows, groups, width, 1e-6f);
              math.rmsNorm(on.get(0), on.get(1), norm);
              math.pullRmsNorm(on.get(0), on.get(2), on.get(3), norm);
              math.pullRmsNormGains(on.get(0), on.get(2), on.get(6), norm, false);
              math.pullRmsNormGains(on.get(0), on.get(2), on.get(6), norm, true);
            });
    for (int i = 0; i < inputs.size(); i++) {
      assertClose(found.get(i), found.get(inputs.size() + i), 1e-4);
    }
  }

  @Test
  void followsAndGathersManyBlocks() {
    List<float[]> inputs =
        List.of(gaussian(777), gaussian(777), squared(777), gaussian(100 * 30), gaussian(100 * 30));
    int[] blocks = new Random(3).ints(100, -1, 100).toArray();
    List<float[]> found =
        run(
            inputs,
            (math, on) -> {
              math.follow(
                  on.get(0),
                  on.get(1),
                  on.get(2),
                  new TrainingMath.Follow(0.1f, 0.05f, 1.5f, 2.5f, 1e-12f));
              math.gather(on.get(3), on.get(4), blocks, 30);
            });
    for (int i = 0; i < inputs.size(); i++) {
      assertClose(found.get(i), found.get(inputs.size() + i), 1e-4);
    }
  }

  /// Memories after some work: by the definition, then on the GPU, whose second run gives equal bits.
  private List<float[]> run(List<float[]> inputs, BiConsumer<TrainingMath, List<Memory>> work) {
    return run(inputs, 0, work);
  }

  /// @param tokens of causal matrices, of which the part is taken that is zeroed or before that; 0
  ///     where there are none
  private List<float[]> run(
      List<float[]> inputs, int tokens, BiConsumer<TrainingMath, List<Memory>> work) {
    List<float[]> all = new ArrayList<>();
    all.addAll(run(scalar, inputs, tokens, work));
    List<float[]> first = run(cuda, inputs, tokens, work);
    List<float[]> second = run(cuda, inputs, tokens, work);
    for (int i = 0; i < first.size(); i++) {
      assertThat(Arrays.equals(first.get(i), second.get(i))).as("memory %d again", i).isTrue();
    }
    all.addAll(first);
    return all;
  }

  private static List<float[]> run(
      TrainingMath math,
      List<float[]> inputs,
      int tokens,
      BiConsumer<TrainingMath, List<Memory>> work) {
    List<Memory> memories = new ArrayList<>();
    for (float[] input : inputs) {
      memories.add(memory(math.allocate(input.length), input));
    }
    work.accept(math, memories);
    List<float[]> results = new ArrayList<>();
    for (Memory memory : memories) {
      float[] result = result(memory);
      if (tokens > 0 && results.size() < 2) {
        leave(result, tokens);
      }
      results.add(result);
    }
    return results;
  }

  private static void leave(float[] squares, int tokens) {
    for (int i = 0; i < squares.length; i++) {
      int row = i / tokens % tokens;
      if (i % tokens >= (row / TrainingMath.ZEROED + 1) * TrainingMath.ZEROED) {
        squares[i] = 0;
      }
    }
  }

  static Memory memory(Memory memory, float[] elements) {
    memory.upload(elements, 0);
    return memory;
  }

  static float[] result(Memory memory) {
    float[] result = new float[Math.toIntExact(memory.length())];
    memory.download(result, 0);
    memory.close();
    return result;
  }

  static void assertClose(float[] expected, float[] found, double tolerance) {
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs((double) found[i] - expected[i]) <= tolerance * (1 + Math.abs(expected[i])))) {
        assertThat(found[i]).as("element %d", i).isEqualTo(expected[i]);
      }
    }
  }

  float[] gaussian(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return exact(values);
  }

  private float[] squared(int count) {
    float[] values = gaussian(count);
    for (int i = 0; i < count; i++) {
      values[i] *= values[i];
    }
    return values;
  }
}
