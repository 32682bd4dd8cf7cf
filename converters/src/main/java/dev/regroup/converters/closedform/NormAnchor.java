package dev.regroup.converters.closedform;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.StatePath;
import java.util.Arrays;
import java.util.Map;

/// Writes a linear latent for a layout that norms it, so that the norm does next to nothing.
///
/// The latent `c` (r elements) leaves its last element to a constant B, the bias of its projection. Its
/// root mean square is then `B/√r · √(1 + |c|²/B²)`: the same for every token up to a relative
/// `|c|²/(2B²)`. The norm's gain and `kv_b_proj` undo the constant factor; the gain of the constant
/// itself is 0, so that what is cached has the size of the latent. Closed forms give latents of mean
/// square r, and they are scaled down by a power of two that makes the error of a token 3e-8 times its
/// latent's size over the mean, so 5e-5 for a latent forty times as long as others. B is a power of two
/// and so exact in every dtype, and every other element keeps its own precision.
final class NormAnchor {
  /// Elements of a latent that it spends.
  static final int ELEMENTS = 1;

  /// B, below the largest number of FP16.
  static final float CONSTANT = 1 << 15;

  /// B over the root of the latents' mean square, at least.
  private static final double DISTANCE = 4096;

  private final FactoredAttention attention;
  private final Gla gla;

  NormAnchor(FactoredAttention attention) {
    this.attention = attention;
    gla = (Gla) attention.spec().layout();
  }

  /// Whether a layer norms its latent where nothing but our projection makes it: the norm of an MLA
  /// source comes before the latents that we make and stays.
  static boolean in(AttentionSpec spec) {
    return switch (spec.state()) {
      case StatePath.Latent(int _, boolean norm, boolean projected, boolean _) ->
          norm && !projected;
      case StatePath.Reference _ -> true;
      case StatePath.KeyValue _, StatePath.Tied _, StatePath.Encoded _ -> false;
    };
  }

  /// Puts the tensors of the state path and of `kv_b_proj`, which must be there already.
  void putInto(Map<AttentionTensor, float[]> tensors) {
    if (attention.norm().active()) {
      tensors.put(
          AttentionTensor.KV_A_PROJ,
          FactoredAttention.joined(attention.state(), attention.ropeKey()));
      tensors.put(
          AttentionTensor.KV_A_BIAS,
          FactoredAttention.joined(
              attention.biases().state(), orZeros(attention.biases().ropeKey(), gla.ropeDim())));
      tensors.put(AttentionTensor.KV_A_NORM, attention.norm().written(gla.latentDim()));
      return;
    }
    int last = gla.latentDim() - ELEMENTS;
    float[] latent = attention.state().clone();
    int inputs = latent.length / gla.latentDim();
    requireZeros(latent, last * inputs, latent.length);
    double shrink = shrink(gla.latentDim());
    scale(latent, shrink);
    float[] bias = orZeros(attention.biases().state(), gla.latentDim());
    scale(bias, shrink);
    bias[last] = CONSTANT;
    tensors.put(AttentionTensor.KV_A_PROJ, FactoredAttention.joined(latent, attention.ropeKey()));
    tensors.put(
        AttentionTensor.KV_A_BIAS,
        FactoredAttention.joined(bias, orZeros(attention.biases().ropeKey(), gla.ropeDim())));
    float[] gain = new float[gla.latentDim()];
    Arrays.fill(gain, 0, last, (float) gain(gla.latentDim()));
    tensors.put(AttentionTensor.KV_A_NORM, gain);
    float[] up = tensors.get(AttentionTensor.KV_B_PROJ);
    if (up == null) {
      throw new IllegalArgumentException("expected kv_b_proj before the state path");
    }
    scale(up, restore(gla.latentDim()));
  }

  /// Puts the tensors of a low-rank query path whose rank is that of the layer's input and the constant:
  /// a query's bias, which no other projection of the layout has, is what the constant becomes.
  ///
  /// @param rank D + 1
  void putQueryInto(Map<AttentionTensor, float[]> tensors, int rank) {
    int inputs = rank - ELEMENTS;
    double shrink = shrink(rank);
    float[] down = new float[rank * inputs];
    for (int i = 0; i < inputs; i++) {
      down[i * inputs + i] = (float) shrink;
    }
    float[] constant = new float[rank];
    constant[inputs] = CONSTANT;
    float[] gain = new float[rank];
    Arrays.fill(gain, (float) gain(rank));
    gain[inputs] = 1;
    tensors.put(AttentionTensor.Q_A_PROJ, down);
    tensors.put(AttentionTensor.Q_A_BIAS, constant);
    tensors.put(AttentionTensor.Q_A_NORM, gain);
    tensors.put(AttentionTensor.Q_B_PROJ, queries(rank, inputs));
  }

  /// Queries over the normed input, their bias in the column of the constant, which is √rank there.
  private float[] queries(int rank, int inputs) {
    float[] query = attention.query();
    float[] bias = orZeros(attention.biases().query(), query.length / inputs);
    float[] up = new float[bias.length * rank];
    double restore = restore(rank);
    for (int row = 0; row < bias.length; row++) {
      for (int i = 0; i < inputs; i++) {
        up[row * rank + i] = (float) (query[row * inputs + i] * restore);
      }
      up[row * rank + inputs] = (float) (bias[row] / Math.sqrt(rank));
    }
    return up;
  }

  /// What the latent is multiplied by: a power of two.
  static double shrink(int latentDim) {
    return powerOfTwo(CONSTANT / DISTANCE / Math.sqrt(latentDim));
  }

  /// A power of two that gives normed latents about the size that they had.
  static double gain(int latentDim) {
    return powerOfTwo(CONSTANT / Math.sqrt(latentDim));
  }

  /// What normed latents have to be multiplied by to be the latents.
  static double restore(int latentDim) {
    double normed = Math.sqrt(latentDim) / CONSTANT * gain(latentDim);
    return 1 / (normed * shrink(latentDim));
  }

  /// The largest power of two up to `value`.
  private static double powerOfTwo(double value) {
    return Math.scalb(1.0, Math.getExponent(value));
  }

  static void scale(float[] elements, double factor) {
    for (int i = 0; i < elements.length; i++) {
      elements[i] = (float) (elements[i] * factor);
    }
  }

  static float[] orZeros(float[] bias, int length) {
    return bias.length == 0 ? new float[length] : bias.clone();
  }

  static void requireZeros(float[] elements, int from, int to) {
    for (int i = from; i < to; i++) {
      if (elements[i] != 0) {
        throw new IllegalArgumentException(
            "expected the latent's last element to be left to the norm, found " + elements[i]);
      }
    }
  }
}
