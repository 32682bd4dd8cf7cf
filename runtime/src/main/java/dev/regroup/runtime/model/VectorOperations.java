package dev.regroup.runtime.model;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Products;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// {@link Operations} by the Vector API and OpenBLAS.
///
/// The interpreter and the compiler must agree to the bit, or results would depend on when a method
/// is compiled. So lanes are added in a fixed order here (the API leaves it open for
/// `reduceLanes(ADD)`) and the exponential is a polynomial of fused multiply-adds (the API's own
/// differs between the two).
public final class VectorOperations implements Operations {
  static final VectorOperations INSTANCE = new VectorOperations();

  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();

  private VectorOperations() {}

  @Override
  public Products products() {
    return Products.fast();
  }

  @Override
  public float[] linear(Linear layer, float[] x, int rows) {
    float[] y = new float[Math.multiplyExact(rows, layer.out())];
    float[] bias = layer.bias();
    if (bias != null) {
      for (int row = 0; row < rows; row++) {
        System.arraycopy(bias, 0, y, row * layer.out(), layer.out());
      }
    }
    products()
        .multiply(
            Form.RIGHT_TRANSPOSED,
            1,
            FloatBlock.of(rows, layer.in(), x),
            FloatBlock.of(layer.out(), layer.in(), layer.weight()),
            bias == null ? 0 : 1,
            FloatBlock.of(rows, layer.out(), y));
    return y;
  }

  @Override
  public float[] rmsNorm(float[] x, float[] gain, double epsilon) {
    int width = gain.length;
    int bound = SPECIES.loopBound(width);
    float[] y = new float[x.length];
    for (int row = 0; row < x.length; row += width) {
      double scale = 1 / Math.sqrt(squares(x, row, width) / width + epsilon);
      FloatVector factor = FloatVector.broadcast(SPECIES, (float) scale);
      int i = 0;
      for (; i < bound; i += LANES) {
        FloatVector.fromArray(SPECIES, x, row + i)
            .mul(factor)
            .mul(FloatVector.fromArray(SPECIES, gain, i))
            .intoArray(y, row + i);
      }
      for (; i < width; i++) {
        y[row + i] = x[row + i] * (float) scale * gain[i];
      }
    }
    return y;
  }

  private static double squares(float[] x, int start, int width) {
    int bound = SPECIES.loopBound(width);
    FloatVector sums = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < bound; i += LANES) {
      FloatVector v = FloatVector.fromArray(SPECIES, x, start + i);
      sums = v.fma(v, sums);
    }
    double sum = VectorLanes.sum(sums);
    for (; i < width; i++) {
      sum += (double) x[start + i] * x[start + i];
    }
    return sum;
  }

  @Override
  public float[] pullRmsNorm(
      float[] x, float[] gain, double epsilon, float[] pulled, float[] byGain) {
    int width = gain.length;
    int bound = SPECIES.loopBound(width);
    float[] byX = new float[x.length];
    for (int row = 0; row < x.length; row += width) {
      double scale = 1 / Math.sqrt(squares(x, row, width) / width + epsilon);
      float factor = (float) scale;
      float share = (float) (scale * scale * scale * along(x, gain, pulled, row) / width);
      int i = 0;
      for (; i < bound; i += LANES) {
        FloatVector own = FloatVector.fromArray(SPECIES, x, row + i);
        FloatVector given = FloatVector.fromArray(SPECIES, pulled, row + i).mul(factor);
        given
            .mul(FloatVector.fromArray(SPECIES, gain, i))
            .sub(own.mul(share))
            .intoArray(byX, row + i);
        own.fma(given, FloatVector.fromArray(SPECIES, byGain, i)).intoArray(byGain, i);
      }
      for (; i < width; i++) {
        float given = pulled[row + i] * factor;
        byX[row + i] = given * gain[i] - x[row + i] * share;
        byGain[i] += x[row + i] * given;
      }
    }
    return byX;
  }

  /// `Σ x · gain · pulled` of a row.
  private static double along(float[] x, float[] gain, float[] pulled, int start) {
    int bound = SPECIES.loopBound(gain.length);
    FloatVector sums = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < bound; i += LANES) {
      FloatVector given =
          FloatVector.fromArray(SPECIES, pulled, start + i)
              .mul(FloatVector.fromArray(SPECIES, gain, i));
      sums = FloatVector.fromArray(SPECIES, x, start + i).fma(given, sums);
    }
    double sum = VectorLanes.sum(sums);
    for (; i < gain.length; i++) {
      sum += (double) x[start + i] * gain[i] * pulled[start + i];
    }
    return sum;
  }

  @Override
  public void rotate(float[] x, HeadSlices slices, Rope rope, int first) {
    double[] frequencies = rope.frequencies();
    int rows = x.length / slices.rowStride();
    float[] cosines = new float[frequencies.length];
    float[] sines = new float[frequencies.length];
    for (int row = 0; row < rows; row++) {
      for (int pair = 0; pair < frequencies.length; pair++) {
        double angle = (first + row) * frequencies[pair];
        cosines[pair] = (float) (Math.cos(angle) * rope.attentionFactor());
        sines[pair] = (float) (Math.sin(angle) * rope.attentionFactor());
      }
      int start = row * slices.rowStride() + slices.offset();
      for (int head = 0; head < slices.heads(); head++, start += slices.headStride()) {
        turn(x, start, rope, cosines, sines);
      }
    }
  }

  // Plain loops: the sines take longer than the turning.
  private static void turn(float[] x, int start, Rope rope, float[] cosines, float[] sines) {
    int step = rope.interleaved() ? 2 : 1;
    int second = rope.interleaved() ? 1 : cosines.length;
    for (int pair = 0, at = start; pair < cosines.length; pair++, at += step) {
      float a = x[at];
      float b = x[at + second];
      x[at] = a * cosines[pair] - b * sines[pair];
      x[at + second] = b * cosines[pair] + a * sines[pair];
    }
  }

  @Override
  public void causalSoftmax(FloatBlock scores, CausalTile tile) {
    float[] elements = scores.elements();
    for (int row = 0; row < scores.rows(); row++) {
      int at = scores.offset() + row * scores.stride();
      int begin = at + tile.begin(row);
      int end = at + Math.min(tile.end(row), scores.columns());
      Arrays.fill(elements, at, begin, 0);
      softmax(elements, begin, end);
      Arrays.fill(elements, end, at + scores.columns(), 0);
    }
  }

  private static void softmax(float[] x, int begin, int end) {
    float largest = largest(x, begin, end);
    int bound = begin + SPECIES.loopBound(end - begin);
    FloatVector sums = FloatVector.zero(SPECIES);
    int i = begin;
    for (; i < bound; i += LANES) {
      FloatVector e = VectorLanes.exp(FloatVector.fromArray(SPECIES, x, i).sub(largest));
      e.intoArray(x, i);
      sums = sums.add(e);
    }
    double sum = VectorLanes.sum(sums);
    for (; i < end; i++) {
      x[i] = (float) Math.exp(x[i] - largest);
      sum += x[i];
    }
    float scale = (float) (1 / sum);
    for (i = begin; i < bound; i += LANES) {
      FloatVector.fromArray(SPECIES, x, i).mul(scale).intoArray(x, i);
    }
    for (; i < end; i++) {
      x[i] *= scale;
    }
  }

  private static float largest(float[] x, int begin, int end) {
    int bound = begin + SPECIES.loopBound(end - begin);
    FloatVector most = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    int i = begin;
    for (; i < bound; i += LANES) {
      most = most.max(FloatVector.fromArray(SPECIES, x, i));
    }
    float largest = most.reduceLanes(VectorOperators.MAX);
    for (; i < end; i++) {
      largest = Math.max(largest, x[i]);
    }
    return largest;
  }

  @Override
  public void gate(float[] gate, float[] up) {
    int bound = SPECIES.loopBound(gate.length);
    int i = 0;
    for (; i < bound; i += LANES) {
      FloatVector g = FloatVector.fromArray(SPECIES, gate, i);
      FloatVector u = FloatVector.fromArray(SPECIES, up, i);
      g.div(VectorLanes.exp(g.neg()).add(1)).mul(u).intoArray(gate, i);
    }
    for (; i < gate.length; i++) {
      gate[i] = (float) (gate[i] / (1 + Math.exp(-(double) gate[i]))) * up[i];
    }
  }
}
