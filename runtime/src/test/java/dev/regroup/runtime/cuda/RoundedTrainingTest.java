package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.Product.Batch;
import dev.regroup.runtime.train.Product.Factors;
import dev.regroup.runtime.train.Product.Sizes;
import dev.regroup.runtime.train.TrainingMath;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// {@link RoundedTraining}. On numbers that BF16 holds its products are the definition's up to the
/// rounding of sums, since products of two such numbers are exact in float32; on others each factor is
/// off by at most 2⁻⁹ of itself.
final class RoundedTrainingTest extends TrainingContract {
  private static final double HALF = 0x1p-9;

  @Override
  TrainingMath training(CudaContext device) {
    return new RoundedTraining(
        device, Cublas.find().orElseGet(() -> abort("cuBLAS 12 or 13 is not installed")));
  }

  /// Matrix units cut partial sums off rather than round them.
  @Override
  double rounding() {
    return 6e-7;
  }

  @Override
  double squaresRounding() {
    return HALF;
  }

  @Override
  float[] exact(float[] numbers) {
    float[] rounded = new float[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      rounded[i] = Float.intBitsToFloat((Float.floatToIntBits(numbers[i]) + 0x8000) & 0xffff0000);
    }
    return rounded;
  }

  /// Sums of `depth` products of two numbers of size 1, each off by up to two halves of a last bit:
  /// uniformly, so that their root mean square is 1/√3 of it, and as the root of their number.
  @Test
  void roundsWhatBf16DoesNotHold() {
    int depth = 300;
    float[] x = plain(70 * depth);
    float[] y = plain(90 * depth);
    double[] errors = new double[2];
    for (int way = 0; way < 2; way++) {
      boolean finely = way == 1;
      List<float[]> results =
          Stream.of(scalar, cuda).map(math -> product(math, x, y, depth, finely)).toList();
      errors[way] = Gpu.relativeError(results.get(1), results.get(0));
    }
    assertThat(errors[0]).isBetween(0.3 * HALF * Math.sqrt(2 / 3.0), HALF * Math.sqrt(2 / 3.0));
    assertThat(errors[1]).isLessThan(0x1p-11 * 2 * Math.sqrt(2 / 3.0));
  }

  private static float[] product(
      TrainingMath math, float[] x, float[] y, int depth, boolean finely) {
    Memory a = memory(math.allocate(x.length), x);
    Memory b = memory(math.allocate(y.length), y);
    Memory c = math.allocate(70 * 90);
    var product =
        Product.of(
            Form.RIGHT_TRANSPOSED,
            false,
            Batch.ONE,
            new Sizes(70, 90, depth),
            new Factors(Panel.of(a, depth), Panel.of(b, depth), Panel.of(c, 90)));
    if (finely) {
      math.multiplyFinely(product);
    } else {
      math.multiply(product);
    }
    a.close();
    b.close();
    return result(c);
  }

  /// What passes from one product to the next: given and added to in BF16, biased, turned, summed.
  @Test
  void keepsFactorsRounded() {
    float[] x = gaussian(40 * 16);
    float[] map = gaussian(24 * 16);
    float[] bias = gaussian(24);
    Rope rope = new Rope(Rope.standardFrequencies(4, 30), true, 1);
    List<float[]> found =
        Stream.of(scalar, cuda)
            .map(
                math -> {
                  Memory a = memory(math.allocate(x.length), x);
                  Memory b = memory(math.allocate(map.length), map);
                  Memory shift = memory(math.allocate(bias.length), bias);
                  Memory c = math.allocateFactor(40 * 24);
                  Memory sums = math.allocate(40 * 8);
                  var factors = new Factors(Panel.of(a, 16), Panel.of(b, 16), Panel.of(c, 24));
                  for (boolean add : new boolean[] {false, true}) {
                    math.multiply(
                        Product.of(
                            Form.RIGHT_TRANSPOSED,
                            add,
                            Batch.ONE,
                            new Sizes(40, 24, 16),
                            factors));
                  }
                  math.addBias(c, shift, 40);
                  math.rotate(c, 40, new TrainingMath.Slices(3, 2, 8, 24), rope, 20);
                  math.fold(c, sums, new TrainingMath.Fold(40, 1, 3, 8, 8), false);
                  a.close();
                  b.close();
                  shift.close();
                  c.close();
                  return result(sums);
                })
            .toList();
    // four roundings of numbers of size 8, three of them summed
    assertThat(Gpu.relativeError(found.get(1), found.get(0))).isLessThan(2 * HALF);
  }

  private float[] plain(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
