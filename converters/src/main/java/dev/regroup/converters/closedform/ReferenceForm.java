package dev.regroup.converters.closedform;

import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.SymmetricEigen;
import java.util.Arrays;
import java.util.Map;

/// Writes a GLA layer of two latents under the names of the published code, where every latent and the
/// query rank have a norm: each spends its last element on the constant of {@link NormAnchor}.
final class ReferenceForm {
  private final FactoredAttention attention;
  private final Gla gla;

  ReferenceForm(FactoredAttention attention) {
    this.attention = attention;
    gla = (Gla) attention.spec().layout();
  }

  /// Puts `W_dQ`, `q_norm` and `W_uQ_rope`. A rank that has no room for the whole input keeps the leading
  /// directions that queries read.
  void putQueryInto(Map<AttentionTensor, float[]> tensors, int rank) {
    int rows = gla.queryHeads() * gla.queryDim();
    Matrix query = Matrix.of(rows, attention.query().length / rows, attention.query());
    int inputs = query.columns();
    int kept = Math.min(rank - NormAnchor.ELEMENTS, inputs);
    Matrix basis =
        kept == inputs ? Matrix.identity(inputs) : SymmetricEigen.of(query.gram()).leading(kept);
    float[] down = new float[rank * inputs];
    put(basis.transpose().scaled(NormAnchor.shrink(rank)), down, inputs);
    float[] up = new float[rows * rank];
    put(query.times(basis).scaled(NormAnchor.restore(rank)), up, rank);
    tensors.put(AttentionTensor.W_DQ, down);
    tensors.put(AttentionTensor.W_DQ_BIAS, constant(new float[rank]));
    tensors.put(AttentionTensor.Q_NORM, gain(rank));
    tensors.put(AttentionTensor.W_UQ_ROPE, up);
    tensors.put(
        AttentionTensor.W_UQ_ROPE_BIAS, NormAnchor.orZeros(attention.biases().query(), rows));
  }

  /// Puts `W_dKV`, `kv_norm_1`, `kv_norm_2`, `W_ukv_1` and `W_ukv_2`.
  ///
  /// @param keyValueUp per head [W_UK ; W_UV], `[H·(d_n + d_v), d_c]`
  void putStateInto(Map<AttentionTensor, float[]> tensors, float[] keyValueUp) {
    int dim = gla.latentDim();
    float[] latents = attention.state().clone();
    float[] bias = NormAnchor.orZeros(attention.biases().state(), 2 * dim);
    float[] up = keyValueUp.clone();
    float[] gains = attention.norm().written(dim);
    if (gains.length == 0) {
      anchor(latents, bias, up);
      gains = FactoredAttention.joined(gain(dim), gain(dim));
    }
    tensors.put(AttentionTensor.W_DKV, FactoredAttention.joined(latents, attention.ropeKey()));
    tensors.put(
        AttentionTensor.W_DKV_BIAS,
        FactoredAttention.joined(
            bias, NormAnchor.orZeros(attention.biases().ropeKey(), gla.ropeDim())));
    tensors.put(AttentionTensor.KV_NORM_1, Arrays.copyOf(gains, dim));
    tensors.put(AttentionTensor.KV_NORM_2, Arrays.copyOfRange(gains, dim, 2 * dim));
    int half = up.length / 2;
    tensors.put(AttentionTensor.W_UKV_1, Arrays.copyOfRange(up, 0, half));
    tensors.put(AttentionTensor.W_UKV_2, Arrays.copyOfRange(up, half, 2 * half));
    tensors.put(AttentionTensor.W_UKV_1_BIAS, new float[half / dim]);
    tensors.put(AttentionTensor.W_UKV_2_BIAS, new float[half / dim]);
  }

  /// Keeps the norms from doing anything.
  private void anchor(float[] latents, float[] bias, float[] up) {
    int dim = gla.latentDim();
    int inputs = latents.length / (2 * dim);
    for (int latent = 0; latent < 2; latent++) {
      int end = (latent + 1) * dim;
      NormAnchor.requireZeros(latents, (end - 1) * inputs, end * inputs);
      bias[end - 1] = 0;
    }
    NormAnchor.scale(latents, NormAnchor.shrink(dim));
    NormAnchor.scale(bias, NormAnchor.shrink(dim));
    bias[dim - 1] = NormAnchor.CONSTANT;
    bias[2 * dim - 1] = NormAnchor.CONSTANT;
    NormAnchor.scale(up, NormAnchor.restore(dim));
  }

  private static float[] constant(float[] bias) {
    bias[bias.length - 1] = NormAnchor.CONSTANT;
    return bias;
  }

  /// The same for all but the constant, which nothing reads.
  private static float[] gain(int dim) {
    float[] gain = new float[dim];
    Arrays.fill(gain, 0, dim - NormAnchor.ELEMENTS, (float) NormAnchor.gain(dim));
    return gain;
  }

  /// Writes a matrix into the first rows and columns of one of `width` columns.
  private static void put(Matrix from, float[] to, int width) {
    for (int r = 0; r < from.rows(); r++) {
      for (int c = 0; c < from.columns(); c++) {
        to[r * width + c] = (float) from.at(r, c);
      }
    }
  }
}
