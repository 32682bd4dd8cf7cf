package dev.regroup.runtime.model;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Products;
import dev.regroup.runtime.linalg.ScalarProducts;

/// The definition of {@link Operations}: plain loops, float64 inside, rounded once.
public final class ScalarOperations implements Operations {
  static final ScalarOperations INSTANCE = new ScalarOperations();

  private static final Products PRODUCTS = new ScalarProducts();

  private ScalarOperations() {}

  @Override
  public Products products() {
    return PRODUCTS;
  }

  @Override
  public float[] linear(Linear layer, float[] x, int rows) {
    FloatBlock y = FloatBlock.zeros(rows, layer.out());
    float[] bias = layer.bias();
    if (bias != null) {
      for (int row = 0; row < rows; row++) {
        System.arraycopy(bias, 0, y.elements(), row * layer.out(), layer.out());
      }
    }
    PRODUCTS.multiply(
        Form.RIGHT_TRANSPOSED,
        1,
        FloatBlock.of(rows, layer.in(), x),
        FloatBlock.of(layer.out(), layer.in(), layer.weight()),
        1,
        y);
    return y.elements();
  }

  @Override
  public float[] rmsNorm(float[] x, float[] gain, double epsilon) {
    int width = gain.length;
    float[] y = new float[x.length];
    for (int row = 0; row < x.length; row += width) {
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += (double) x[row + i] * x[row + i];
      }
      double scale = 1 / Math.sqrt(squares / width + epsilon);
      for (int i = 0; i < width; i++) {
        y[row + i] = (float) (x[row + i] * scale * gain[i]);
      }
    }
    return y;
  }

  @Override
  public float[] pullRmsNorm(
      float[] x, float[] gain, double epsilon, float[] pulled, float[] byGain) {
    int width = gain.length;
    float[] byX = new float[x.length];
    double[] sums = new double[width];
    for (int row = 0; row < x.length; row += width) {
      double squares = 0;
      double along = 0;
      for (int i = 0; i < width; i++) {
        squares += (double) x[row + i] * x[row + i];
        along += (double) x[row + i] * gain[i] * pulled[row + i];
      }
      double scale = 1 / Math.sqrt(squares / width + epsilon);
      for (int i = 0; i < width; i++) {
        double across = (double) gain[i] * pulled[row + i];
        byX[row + i] = (float) (scale * (across - x[row + i] * scale * scale * along / width));
        sums[i] += scale * x[row + i] * pulled[row + i];
      }
    }
    for (int i = 0; i < width; i++) {
      byGain[i] += (float) sums[i];
    }
    return byX;
  }

  @Override
  public void rotate(float[] x, HeadSlices slices, Rope rope, int first) {
    double[] frequencies = rope.frequencies();
    int rows = x.length / slices.rowStride();
    for (int row = 0; row < rows; row++) {
      for (int pair = 0; pair < frequencies.length; pair++) {
        double angle = (first + row) * frequencies[pair];
        double cosine = Math.cos(angle) * rope.attentionFactor();
        double sine = Math.sin(angle) * rope.attentionFactor();
        int start = row * slices.rowStride() + slices.offset();
        for (int head = 0; head < slices.heads(); head++, start += slices.headStride()) {
          double a = x[start + rope.first(pair)];
          double b = x[start + rope.second(pair)];
          x[start + rope.first(pair)] = (float) (a * cosine - b * sine);
          x[start + rope.second(pair)] = (float) (b * cosine + a * sine);
        }
      }
    }
  }

  @Override
  public void causalSoftmax(FloatBlock scores, CausalTile tile) {
    for (int row = 0; row < scores.rows(); row++) {
      int at = scores.offset() + row * scores.stride();
      int begin = tile.begin(row);
      int end = Math.min(tile.end(row), scores.columns());
      double largest = Double.NEGATIVE_INFINITY;
      for (int j = begin; j < end; j++) {
        largest = Math.max(largest, scores.elements()[at + j]);
      }
      double sum = 0;
      for (int j = begin; j < end; j++) {
        sum += Math.exp(scores.elements()[at + j] - largest);
      }
      for (int j = 0; j < scores.columns(); j++) {
        double score = scores.elements()[at + j];
        scores.elements()[at + j] =
            j < begin || j >= end ? 0 : (float) (Math.exp(score - largest) / sum);
      }
    }
  }

  @Override
  public void gate(float[] gate, float[] up) {
    for (int i = 0; i < gate.length; i++) {
      gate[i] = (float) (gate[i] / (1 + Math.exp(-(double) gate[i])) * up[i]);
    }
  }
}
