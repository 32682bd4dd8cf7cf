package dev.regroup.converters.fit;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.Panel;
import dev.regroup.runtime.train.Product;
import dev.regroup.runtime.train.ScalarTrainingMath;
import dev.regroup.runtime.train.TrainingMath;

/// {@link ScalarTrainingMath} whose products read factors rounded to BF16.
final class RoundedScalarMath implements TrainingMath {
  private final TrainingMath scalar;

  RoundedScalarMath(long available) {
    scalar = new ScalarTrainingMath(available);
  }

  @Override
  public Accuracy accuracy() {
    return Accuracy.BFLOAT16;
  }

  @Override
  public void multiply(Product product) {
    Product.Factors factors = product.factors();
    Panel a = rounded(factors.a());
    Panel b = rounded(factors.b());
    scalar.multiply(
        new Product(
            product.form(),
            product.alpha(),
            product.add(),
            product.triangle(),
            product.batch(),
            product.sizes(),
            new Product.Factors(a, b, factors.c())));
    a.memory().close();
    b.memory().close();
  }

  private Panel rounded(Panel panel) {
    float[] elements = new float[Math.toIntExact(panel.memory().length())];
    panel.memory().download(elements, 0);
    for (int i = 0; i < elements.length; i++) {
      int bits = Float.floatToIntBits(elements[i]);
      elements[i] = Float.intBitsToFloat((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
    }
    Memory memory = scalar.allocate(elements.length);
    memory.upload(elements, 0);
    return new Panel(
        memory, panel.offset(), panel.stride(), panel.outer(), panel.inner(), panel.share());
  }

  @Override
  public void multiplyFinely(Product product) {
    scalar.multiply(product);
  }

  @Override
  public Memory allocate(long length) {
    return scalar.allocate(length);
  }

  @Override
  public long available() {
    return scalar.available();
  }

  @Override
  public void gather(Memory from, Memory to, int[] blocks, int each) {
    scalar.gather(from, to, blocks, each);
  }

  @Override
  public void addBias(Memory x, Memory bias, int rows) {
    scalar.addBias(x, bias, rows);
  }

  @Override
  public void rotate(Memory x, int rows, Slices slices, Rope rope, int tokens) {
    scalar.rotate(x, rows, slices, rope, tokens);
  }

  @Override
  public void causalSoftmax(Memory scores, HeadRows rows, int window) {
    scalar.causalSoftmax(scores, rows, window);
  }

  @Override
  public void unweigh(
      Memory scores,
      Memory probabilities,
      Memory outputs,
      Memory heads,
      HeadRows rows,
      float scale) {
    scalar.unweigh(scores, probabilities, outputs, heads, rows, scale);
  }

  @Override
  public void rmsNorm(Memory x, Memory y, Norm norm) {
    scalar.rmsNorm(x, y, norm);
  }

  @Override
  public void pullRmsNorm(Memory x, Memory pulled, Memory byX, Norm norm) {
    scalar.pullRmsNorm(x, pulled, byX, norm);
  }

  @Override
  public void pullRmsNormGains(Memory x, Memory pulled, Memory byGain, Norm norm, boolean add) {
    scalar.pullRmsNormGains(x, pulled, byGain, norm, add);
  }

  @Override
  public void fold(Memory from, Memory to, Fold fold, boolean add) {
    scalar.fold(from, to, fold, add);
  }

  @Override
  public void residual(
      Memory output, Memory target, long count, float scale, Memory errors, int slot, boolean add) {
    scalar.residual(output, target, count, scale, errors, slot, add);
  }

  @Override
  public void follow(Memory gradient, Memory mean, Memory square, Follow follow) {
    scalar.follow(gradient, mean, square, follow);
  }

  @Override
  public void move(Memory values, Memory gradient, Memory step, float length) {
    scalar.move(values, gradient, step, length);
  }

  @Override
  public void close() {
    scalar.close();
  }
}
