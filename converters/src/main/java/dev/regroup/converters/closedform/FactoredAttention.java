package dev.regroup.converters.closedform;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/// A GTA or GLA layer as the linear maps that it is free to choose; float32, `[out, in]`, row-major.
///
/// With a token's query input x_q, state input x_c and rotary input x_r (all of them the layer's input
/// for MHA and GQA sources; for MLA the normed query latent, the normed latent, and the layer's input;
/// for sources with head norms each head's own normed query, the normed keys followed by the values, and
/// the normed keys):
///
/// | map | shape | in a GLA layer | in a GTA layer |
/// |---|---|---|---|
/// | query | `[H·(d_n+d_r), D_q]` | queries, rotated part last | the same |
/// | state | `[n·d_c, D_c]` | latents | states |
/// | ropeKey | `[d_r, D_r]` | rotary key, before rotation | the same |
/// | keyUp | `[H·d_n, d_c]` | W_UK | empty: the key is the state's first d_n elements |
/// | valueUp | `[H·d_v, d_c]` | W_UV | empty: the value is the state |
/// | output | `[D, H·d_v]` | `o_proj` | the same |
///
/// A latent whose norm has to do nothing ({@link NormAnchor}) leaves its last element to the norm: the
/// last row of state and the last columns of keyUp and valueUp are zero here. Where the norm is
/// {@linkplain LatentNorm trained}, states are what it gives.
///
/// @param spec of the layer they make
/// @param biases of query, state and ropeKey, in this order; each empty where there is none
/// @param norm of the states
public record FactoredAttention(
    AttentionSpec spec,
    float[] query,
    float[] state,
    float[] ropeKey,
    float[] keyUp,
    float[] valueUp,
    float[] output,
    Biases biases,
    LatentNorm norm) {

  /// A layer whose norms, if it has any, have no part in its mathematics.
  public FactoredAttention(
      AttentionSpec spec,
      float[] query,
      float[] state,
      float[] ropeKey,
      float[] keyUp,
      float[] valueUp,
      float[] output,
      Biases biases) {
    this(spec, query, state, ropeKey, keyUp, valueUp, output, biases, LatentNorm.NONE);
  }

  /// The same layer, up to rounding and a hundredth of its latents, with a norm to be trained.
  public FactoredAttention withNorm() {
    int states = spec.layout().stateHeads();
    int dim = spec.layout().cacheRow().stateDim();
    float[] constants = NormAnchor.orZeros(biases.state(), states * dim);
    for (int latent = 1; latent <= states; latent++) {
      constants[latent * dim - 1] = (float) LatentNorm.anchor(dim);
    }
    return new FactoredAttention(
        spec,
        query,
        state,
        ropeKey,
        keyUp,
        valueUp,
        output,
        new Biases(biases.query(), constants, biases.ropeKey()),
        LatentNorm.untrained(states, dim));
  }

  /// Constants added to queries, states and rotary key; each empty where there is none.
  public record Biases(float[] query, float[] state, float[] ropeKey) {
    /// No constants.
    public static Biases none() {
      return new Biases(new float[0], new float[0], new float[0]);
    }
  }

  /// The tensors of the layer, rounded to nothing yet.
  ///
  /// @param kept tensors of the source that the layer shares
  public Map<AttentionTensor, float[]> tensors(Map<AttentionTensor, float[]> kept) {
    Map<AttentionTensor, float[]> tensors = new EnumMap<>(AttentionTensor.class);
    tensors.putAll(kept);
    tensors.put(AttentionTensor.O_PROJ, output);
    if (spec.outputBias()) {
      int width = spec.layout().queryHeads() * spec.layout().valueDim();
      tensors.putIfAbsent(AttentionTensor.O_BIAS, new float[output.length / width]);
    }
    putQuery(tensors);
    if (spec.layout() instanceof Gla gla) {
      tensors.put(AttentionTensor.KV_B_PROJ, interleaved(gla));
    }
    putState(tensors);
    tensors.keySet().retainAll(spec.tensors(1).keySet());
    return tensors;
  }

  private void putQuery(Map<AttentionTensor, float[]> tensors) {
    switch (spec.query()) {
      case QueryPath.Direct(boolean bias, boolean _) -> {
        tensors.put(AttentionTensor.Q_PROJ, query);
        if (bias) {
          tensors.put(AttentionTensor.Q_BIAS, biases.query());
        }
      }
      case QueryPath.Mixed _ -> tensors.put(AttentionTensor.Q_STATE_PROJ, query);
      case QueryPath.LowRank(int rank, boolean _) -> {
        if (NormAnchor.in(spec)) {
          new NormAnchor(this).putQueryInto(tensors, rank);
        } else {
          tensors.put(AttentionTensor.Q_B_PROJ, query);
        }
      }
      case QueryPath.Reference(int rank) -> new ReferenceForm(this).putQueryInto(tensors, rank);
    }
  }

  private void putState(Map<AttentionTensor, float[]> tensors) {
    switch (spec.state()) {
      case StatePath.Tied(boolean bias) -> {
        tensors.put(AttentionTensor.KV_PROJ, state);
        tensors.put(AttentionTensor.ROPE_KEY, ropeKey);
        tensors.put(
            AttentionTensor.ROPE_KEY_BIAS,
            bias ? biases.ropeKey() : new float[spec.layout().ropeDim()]);
        if (bias) {
          tensors.put(AttentionTensor.KV_BIAS, biases.state());
        }
      }
      case StatePath.Latent(int _, boolean _, boolean projected, boolean bias) -> {
        if (NormAnchor.in(spec)) {
          new NormAnchor(this).putInto(tensors);
        } else if (projected) {
          tensors.put(AttentionTensor.KV_LATENT_PROJ, state);
        } else {
          tensors.put(AttentionTensor.KV_A_PROJ, joined(state, ropeKey));
          if (bias) {
            tensors.put(AttentionTensor.KV_A_BIAS, joined(biases.state(), biases.ropeKey()));
          }
        }
      }
      case StatePath.Encoded _ -> {
        tensors.put(AttentionTensor.KV_STATE_PROJ, state);
        tensors.put(AttentionTensor.ROPE_KEY_PROJ, ropeKey);
      }
      case StatePath.Reference _ ->
          new ReferenceForm(this).putStateInto(tensors, interleaved((Gla) spec.layout()));
      case StatePath.KeyValue _ ->
          throw new IllegalArgumentException("not a target path: " + spec.state());
    }
  }

  static float[] joined(float[] first, float[] second) {
    float[] joined = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, joined, first.length, second.length);
    return joined;
  }

  /// `kv_b_proj`: per head W_UK, then W_UV.
  private float[] interleaved(Gla gla) {
    int key = gla.nopeDim() * gla.latentDim();
    int value = gla.valueDim() * gla.latentDim();
    float[] both = new float[gla.queryHeads() * (key + value)];
    for (int h = 0; h < gla.queryHeads(); h++) {
      System.arraycopy(keyUp, h * key, both, h * (key + value), key);
      System.arraycopy(valueUp, h * value, both, h * (key + value) + key, value);
    }
    return both;
  }

  /// Whether keys and values are the states themselves.
  public boolean tied() {
    return isTied(spec.layout());
  }

  private static boolean isTied(AttentionLayout layout) {
    return switch (layout) {
      case Gta _ -> true;
      case Gla _ -> false;
      case Gqa _ -> throw new IllegalArgumentException("GQA is not a target");
    };
  }
}
