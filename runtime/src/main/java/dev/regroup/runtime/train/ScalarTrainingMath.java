package dev.regroup.runtime.train;

import dev.regroup.formats.attention.Rope;
import java.util.Arrays;
import java.util.Objects;

/// The definition of {@link TrainingMath}: plain loops over arrays, sums in float64.
public final class ScalarTrainingMath implements TrainingMath {
  /// What is left uninitialised, so that whoever reads it sees.
  private static final float UNKNOWN = Float.NaN;

  private final long available;

  /// @param available elements that it says are left, at any time
  public ScalarTrainingMath(long available) {
    this.available = available;
  }

  private record Heap(float[] elements) implements Memory {
    @Override
    public long length() {
      return elements.length;
    }

    @Override
    public void upload(float[] from, long at) {
      Objects.checkFromIndexSize(at, from.length, elements.length);
      System.arraycopy(from, 0, elements, (int) at, from.length);
    }

    @Override
    public void download(float[] into, long at) {
      Objects.checkFromIndexSize(at, into.length, elements.length);
      System.arraycopy(elements, (int) at, into, 0, into.length);
    }

    @Override
    public void close() {}
  }

  private static float[] of(Memory memory) {
    return ((Heap) memory).elements;
  }

  @Override
  public Memory allocate(long length) {
    float[] elements = new float[Math.toIntExact(length)];
    Arrays.fill(elements, UNKNOWN);
    return new Heap(elements);
  }

  @Override
  public long available() {
    return available;
  }

  @Override
  public void multiply(Product product) {
    for (int outer = 0; outer < product.batch().outer(); outer++) {
      for (int inner = 0; inner < product.batch().inner(); inner++) {
        multiply(product, outer, inner);
      }
    }
  }

  private static void multiply(Product product, int outer, int inner) {
    Product.Sizes sizes = product.sizes();
    float[] c = of(product.factors().c().memory());
    for (int i = 0; i < sizes.rows(); i++) {
      for (int j = 0; j < sizes.columns(); j++) {
        if (product.triangle() == Product.Triangle.RESULT && j > i) {
          continue;
        }
        int at =
            (int) product.factors().c().at(outer, inner) + i * product.factors().c().stride() + j;
        float sum = (float) (product.alpha() * sum(product, outer, inner, i, j));
        c[at] = product.add() ? c[at] + sum : sum;
      }
    }
  }

  private static double sum(Product product, int outer, int inner, int i, int j) {
    Panel a = product.factors().a();
    Panel b = product.factors().b();
    boolean left = product.triangle() == Product.Triangle.LEFT;
    int firstA = (int) a.at(outer, inner);
    int firstB = (int) b.at(outer, inner);
    double sum = 0;
    for (int k = 0; k < product.sizes().depth(); k++) {
      int atA =
          switch (product.form()) {
            case PLAIN, RIGHT_TRANSPOSED -> left && k > i ? -1 : firstA + i * a.stride() + k;
            case LEFT_TRANSPOSED -> left && i > k ? -1 : firstA + k * a.stride() + i;
          };
      int atB =
          switch (product.form()) {
            case PLAIN, LEFT_TRANSPOSED -> firstB + k * b.stride() + j;
            case RIGHT_TRANSPOSED -> firstB + j * b.stride() + k;
          };
      if (atA >= 0) {
        sum += (double) of(a.memory())[atA] * of(b.memory())[atB];
      }
    }
    return sum;
  }

  @Override
  public void gather(Memory from, Memory to, int[] blocks, int each) {
    for (int i = 0; i < blocks.length; i++) {
      if (blocks[i] >= 0) {
        System.arraycopy(of(from), blocks[i] * each, of(to), i * each, each);
      }
    }
  }

  @Override
  public void addBias(Memory x, Memory bias, int rows) {
    int width = Math.toIntExact(bias.length());
    for (int i = 0; i < rows * width; i++) {
      of(x)[i] += of(bias)[i % width];
    }
  }

  @Override
  public void rotate(Memory x, int rows, Slices slices, Rope rope, int tokens) {
    double[] frequencies = rope.frequencies();
    for (int slice = 0; slice < rows * slices.heads(); slice++) {
      int row = slice / slices.heads();
      int first =
          row * slices.rowStride() + slice % slices.heads() * slices.headStride() + slices.offset();
      for (int pair = 0; pair < frequencies.length; pair++) {
        double angle = row % tokens * frequencies[pair];
        turn(of(x), first + rope.first(pair), first + rope.second(pair), angle, rope);
      }
    }
  }

  private static void turn(float[] x, int first, int second, double angle, Rope rope) {
    double cos = Math.cos(angle) * rope.attentionFactor();
    double sin = Math.sin(angle) * rope.attentionFactor();
    double a = x[first];
    double b = x[second];
    x[first] = (float) (a * cos - b * sin);
    x[second] = (float) (b * cos + a * sin);
  }

  @Override
  public void causalSoftmax(Memory scores, HeadRows rows, int window) {
    float[] s = of(scores);
    for (int r = 0; r < rows.squareRows(); r++) {
      int i = r % rows.tokens();
      int at = r * rows.tokens();
      int begin = window == 0 ? 0 : Math.max(0, i - window + 1);
      int end = i + 1;
      double largest = Double.NEGATIVE_INFINITY;
      for (int j = begin; j < end; j++) {
        largest = Math.max(largest, s[at + j]);
      }
      double sum = 0;
      for (int j = begin; j < end; j++) {
        sum += Math.exp(s[at + j] - largest);
      }
      for (int j = 0; j < zeroed(i, rows.tokens()); j++) {
        s[at + j] = j < begin || j >= end ? 0 : (float) (Math.exp(s[at + j] - largest) / sum);
      }
    }
  }

  private static int zeroed(int row, int tokens) {
    return Math.min(tokens, (row / ZEROED + 1) * ZEROED);
  }

  @Override
  public void unweigh(
      Memory scores,
      Memory probabilities,
      Memory outputs,
      Memory heads,
      HeadRows rows,
      float scale) {
    int tokens = rows.tokens();
    int stride = rows.heads() * rows.width();
    for (int r = 0; r < rows.squareRows(); r++) {
      int i = r % tokens;
      int head = r / tokens % rows.heads();
      int row = (r / tokens / rows.heads() * tokens + i) * stride + head * rows.width();
      double mean = 0;
      for (int c = 0; c < rows.width(); c++) {
        mean += (double) of(outputs)[row + c] * of(heads)[row + c];
      }
      for (int j = 0; j < zeroed(i, tokens); j++) {
        int at = r * tokens + j;
        of(scores)[at] =
            j > i ? 0 : (float) (scale * of(probabilities)[at] * (of(scores)[at] - mean));
      }
    }
  }

  @Override
  public void rmsNorm(Memory x, Memory y, Norm norm) {
    float[] from = of(x);
    float[] to = of(y);
    for (int slice = 0; slice < norm.slices(); slice++) {
      double r = length(from, slice, norm);
      for (int i = 0; i < norm.width(); i++) {
        int at = slice * norm.width() + i;
        to[at] = (float) (factor(norm, slice, i) * from[at] / r);
      }
    }
  }

  @Override
  public void pullRmsNorm(Memory x, Memory pulled, Memory byX, Norm norm) {
    float[] from = of(x);
    float[] outputs = of(pulled);
    float[] to = of(byX);
    for (int slice = 0; slice < norm.slices(); slice++) {
      double r = length(from, slice, norm);
      int first = slice * norm.width();
      double along = 0;
      for (int i = 0; i < norm.width(); i++) {
        along += factor(norm, slice, i) * outputs[first + i] * from[first + i];
      }
      for (int i = 0; i < norm.width(); i++) {
        double own = factor(norm, slice, i) * outputs[first + i];
        to[first + i] = (float) (own / r - from[first + i] * along / (norm.width() * r * r * r));
      }
    }
  }

  @Override
  public void pullRmsNormGains(Memory x, Memory pulled, Memory byGain, Norm norm, boolean add) {
    float[] from = of(x);
    float[] outputs = of(pulled);
    double[] sums = new double[norm.groups() * norm.width()];
    for (int slice = 0; slice < norm.slices(); slice++) {
      double r = length(from, slice, norm);
      for (int i = 0; i < norm.width(); i++) {
        int at = slice * norm.width() + i;
        sums[at % sums.length] += of(norm.unit())[i] * outputs[at] * from[at] / r;
      }
    }
    float[] gains = of(byGain);
    for (int i = 0; i < sums.length; i++) {
      gains[i] = (float) (add ? gains[i] + sums[i] : sums[i]);
    }
  }

  private static double factor(Norm norm, int slice, int i) {
    int group = slice % norm.groups();
    return (double) of(norm.gain())[group * norm.width() + i] * of(norm.unit())[i];
  }

  private static double length(float[] x, int slice, Norm norm) {
    double squares = 0;
    for (int i = 0; i < norm.width(); i++) {
      double element = x[slice * norm.width() + i];
      squares += element * element;
    }
    return Math.sqrt(squares / norm.width() + norm.epsilon());
  }

  @Override
  public void fold(Memory from, Memory to, Fold fold, boolean add) {
    for (int r = 0; r < fold.rows(); r++) {
      for (int g = 0; g < fold.groups(); g++) {
        for (int c = 0; c < fold.width(); c++) {
          double sum = 0;
          for (int h = 0; h < fold.group(); h++) {
            int head = (r * fold.groups() + g) * fold.group() + h;
            sum += of(from)[head * fold.width() + c];
          }
          int at = (r * fold.groups() + g) * fold.groupStride() + c;
          of(to)[at] = (float) (add ? of(to)[at] + sum : sum);
        }
      }
    }
  }

  @Override
  public void residual(
      Memory output, Memory target, long count, float scale, Memory errors, int slot, boolean add) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      float difference = of(output)[i] - of(target)[i];
      sum += (double) difference * difference;
      of(output)[i] = scale * difference;
    }
    of(errors)[slot] = (float) (add ? of(errors)[slot] + sum : sum);
  }

  @Override
  public void follow(Memory gradient, Memory mean, Memory square, Follow follow) {
    float[] m = of(mean);
    float[] s = of(square);
    for (int i = 0; i < m.length; i++) {
      float g = of(gradient)[i];
      m[i] += follow.meanShare() * (g - m[i]);
      s[i] += follow.squareShare() * (g * g - s[i]);
      of(gradient)[i] =
          follow.meanBias()
              * m[i]
              / ((float) Math.sqrt(follow.squareBias() * s[i]) + follow.tiny());
    }
  }

  @Override
  public void move(Memory values, Memory gradient, Memory step, float length) {
    for (int i = 0; i < of(values).length; i++) {
      if (of(values)[i] != 0 || of(gradient)[i] != 0) {
        of(values)[i] -= length * of(step)[i];
      }
    }
  }

  @Override
  public void close() {}
}
