package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.decode.PagedCache;
import dev.regroup.runtime.decode.ScalarDecodeKernel;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Products;
import dev.regroup.runtime.model.CausalTile;
import dev.regroup.runtime.model.HeadSlices;
import dev.regroup.runtime.model.Linear;
import dev.regroup.runtime.model.Operations;

/// What a device computes in BF16, written out: every operand and every intermediate result is a BF16
/// number, sums are float64, and the residual stream and the logits are float32. A kernel may round
/// elsewhere too (weights of a softmax, parts of a sum), so that it is held to twice the error that
/// these have.
///
/// @param hidden elements of the residual stream, which is not rounded
/// @param vocabulary elements of the logits, which are not rounded
record Bfloat16Reference(int hidden, int vocabulary) implements Operations, DecodeKernel {
  private static final Operations EXACT = Operations.scalar();

  /// To the nearest, ties to even.
  private static float rounded(float x) {
    int bits = Float.floatToRawIntBits(x);
    return Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000);
  }

  private static float[] rounded(float[] x) {
    float[] y = x.clone();
    round(y);
    return y;
  }

  private static void round(float[] x) {
    for (int i = 0; i < x.length; i++) {
      x[i] = rounded(x[i]);
    }
  }

  @Override
  public Products products() {
    return EXACT.products();
  }

  @Override
  public float[] linear(Linear layer, float[] x, int rows) {
    float[] y = EXACT.linear(layer, rounded(x), rows);
    // a projection of as many columns is rounded when it is rotated, or read
    if (layer.out() != hidden && layer.out() != vocabulary) {
      round(y);
    }
    return y;
  }

  @Override
  public float[] rmsNorm(float[] x, float[] gain, double epsilon) {
    return rounded(EXACT.rmsNorm(x, gain, epsilon));
  }

  @Override
  public float[] pullRmsNorm(
      float[] x, float[] gain, double epsilon, float[] pulled, float[] byGain) {
    throw new UnsupportedOperationException("no derivative is rounded");
  }

  @Override
  public void rotate(float[] x, HeadSlices slices, Rope rope, int first) {
    round(x);
    EXACT.rotate(x, slices, rope, first);
    round(x);
  }

  @Override
  public void causalSoftmax(FloatBlock scores, CausalTile tile) {
    EXACT.causalSoftmax(scores, tile);
  }

  @Override
  public void gate(float[] gate, float[] up) {
    round(gate);
    EXACT.gate(gate, rounded(up));
    round(gate);
  }

  /// Rows of the cache were rounded when they were rotated.
  @Override
  public float[] attend(float[] query, PagedCache cache, double scale, int window) {
    return rounded(new ScalarDecodeKernel().attend(rounded(query), cache, scale, window));
  }
}
