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
/// off by at most 2⁻⁸ of itself, half of the last of BF16's eight bits.
final class RoundedTrainingTest extends TrainingContract {
  private static final double HALF = 0x1p-8;

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

  /// Of `1 + p`, which is at least twice as much as a probability p.
  @Override
  double squaresRounding() {
    return HALF / 2;
  }

  @Override
  float[] exact(float[] numbers) {
    float[] rounded = new float[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      int bits = Float.floatToIntBits(numbers[i]);
      rounded[i] = Float.intBitsToFloat((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
    }
    return rounded;
  }

  /// To the nearest, and ties to even: the product is that of factors rounded so on the host. How far
  /// it is off: in a sum of products of two factors, each off by up to half a last bit, uniformly,
  /// so that their root mean square is 1/√3 of it at most and two come to √2 times that. Cut off, a
  /// factor is off by up to twice as much, always the same way. TF32 keeps eleven bits, and matrix units
  /// cut the rest off.
  @Test
  void roundsWhatBf16DoesNotHold() {
    int depth = 300;
    float[] x = plain(70 * depth);
    float[] y = plain(90 * depth);
    float[] whole = product(scalar, x, y, depth, false);
    float[] rounded = product(scalar, exact(x), exact(y), depth, false);
    float[] found = product(cuda, x, y, depth, false);
    float[] fine = product(cuda, x, y, depth, true);
    assertThat(Gpu.relativeError(found, rounded)).isLessThan(1e-5);
    assertThat(Gpu.relativeError(found, whole))
        .isBetween(0.3 * HALF * Math.sqrt(2 / 3.0), HALF * Math.sqrt(2 / 3.0));
    assertThat(Gpu.relativeError(fine, whole)).isLessThan(0x1p-10);
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
                            Form.RIGHT_TRANSPOSED, add, Batch.ONE, new Sizes(40, 24, 16), factors));
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
    assertThat(Gpu.relativeError(found.get(1), found.get(0))).isLessThan(HALF);
  }

  private float[] plain(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
