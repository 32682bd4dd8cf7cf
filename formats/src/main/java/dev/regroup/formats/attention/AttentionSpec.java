package dev.regroup.formats.attention;

import dev.regroup.formats.tensor.Shape;
import java.util.EnumMap;
import java.util.Map;

/// One attention sublayer: what it caches, and how queries and states are made.
///
/// @param layout what is cached and which part of it is key and which value
/// @param query projections to the queries
/// @param state projections to the cached states
/// @param rope rotation of the rotated part of queries and keys; `rope.dim() == layout.ropeDim()`
/// @param softmaxScale the factor on `q·k` before the softmax. Stated, never derived from tensor
///     widths: an absorbed query is wider than the head it stands for
/// @param outputBias whether `o_proj` has a bias
/// @param window how many tokens, itself included, a token sees; 0 where it sees all before it
public record AttentionSpec(
    AttentionLayout layout,
    QueryPath query,
    StatePath state,
    Rope rope,
    double softmaxScale,
    boolean outputBias,
    int window) {
  public AttentionSpec {
    if (rope.dim() != layout.ropeDim()) {
      throw new IllegalArgumentException(
          "rope turns %d elements, %s rotates %d".formatted(rope.dim(), layout, layout.ropeDim()));
    }
    if (state instanceof StatePath.Reference && layout.stateHeads() != 2) {
      throw new IllegalArgumentException(
          "the reference's state path has two latent heads, found %d"
              .formatted(layout.stateHeads()));
    }
  }

  /// The same sublayer, turning at other frequencies.
  public AttentionSpec withRope(Rope other) {
    return new AttentionSpec(layout, query, state, other, softmaxScale, outputBias, window);
  }

  /// Every tensor the sublayer reads and its shape, in the order we write them.
  ///
  /// @param hiddenSize D
  public Map<AttentionTensor, Shape> tensors(int hiddenSize) {
    var tensors = new EnumMap<AttentionTensor, Shape>(AttentionTensor.class);
    addQuery(tensors, hiddenSize);
    addState(tensors, hiddenSize);
    long outputs = (long) layout.queryHeads() * layout.valueDim();
    tensors.put(AttentionTensor.O_PROJ, Shape.of(hiddenSize, outputs));
    if (outputBias) {
      tensors.put(AttentionTensor.O_BIAS, Shape.of(hiddenSize));
    }
    return tensors;
  }

  private void addQuery(Map<AttentionTensor, Shape> tensors, int hiddenSize) {
    long queries = (long) layout.queryHeads() * layout.queryDim();
    switch (query) {
      case QueryPath.Direct(boolean bias, boolean headNorm) -> {
        tensors.put(AttentionTensor.Q_PROJ, Shape.of(queries, hiddenSize));
        if (bias) {
          tensors.put(AttentionTensor.Q_BIAS, Shape.of(queries));
        }
        if (headNorm) {
          tensors.put(AttentionTensor.Q_NORM, Shape.of(layout.queryDim()));
        }
      }
      case QueryPath.Mixed(int dim, boolean bias) -> {
        long sources = (long) layout.queryHeads() * dim;
        tensors.put(AttentionTensor.Q_PROJ, Shape.of(sources, hiddenSize));
        if (bias) {
          tensors.put(AttentionTensor.Q_BIAS, Shape.of(sources));
        }
        tensors.put(AttentionTensor.Q_NORM, Shape.of(dim));
        tensors.put(AttentionTensor.Q_STATE_PROJ, Shape.of(queries, dim));
      }
      case QueryPath.LowRank(int rank, boolean bias) -> {
        tensors.put(AttentionTensor.Q_A_PROJ, Shape.of(rank, hiddenSize));
        if (bias) {
          tensors.put(AttentionTensor.Q_A_BIAS, Shape.of(rank));
        }
        tensors.put(AttentionTensor.Q_A_NORM, Shape.of(rank));
        tensors.put(AttentionTensor.Q_B_PROJ, Shape.of(queries, rank));
      }
      case QueryPath.Reference(int rank) -> {
        tensors.put(AttentionTensor.W_DQ, Shape.of(rank, hiddenSize));
        tensors.put(AttentionTensor.W_DQ_BIAS, Shape.of(rank));
        tensors.put(AttentionTensor.Q_NORM, Shape.of(rank));
        tensors.put(AttentionTensor.W_UQ_ROPE, Shape.of(queries, rank));
        tensors.put(AttentionTensor.W_UQ_ROPE_BIAS, Shape.of(queries));
      }
    }
  }

  private void addState(Map<AttentionTensor, Shape> tensors, int hiddenSize) {
    CacheRow row = layout.cacheRow();
    long states = (long) row.stateHeads() * row.stateDim();
    int rope = layout.ropeDim();
    switch (state) {
      case StatePath.KeyValue(boolean bias, boolean keyNorm) ->
          addKeyValue(tensors, states / 2, layout.ropeDim(), hiddenSize, bias, keyNorm);
      case StatePath.Tied(boolean bias) -> {
        tensors.put(AttentionTensor.KV_PROJ, Shape.of(states, hiddenSize));
        if (bias) {
          tensors.put(AttentionTensor.KV_BIAS, Shape.of(states));
        }
        tensors.put(AttentionTensor.ROPE_KEY, Shape.of(rope, hiddenSize));
        tensors.put(AttentionTensor.ROPE_KEY_BIAS, Shape.of(rope));
      }
      case StatePath.Latent(int rank, boolean norm, boolean projected, boolean bias) -> {
        tensors.put(AttentionTensor.KV_A_PROJ, Shape.of(rank + rope, hiddenSize));
        if (bias) {
          tensors.put(AttentionTensor.KV_A_BIAS, Shape.of(rank + rope));
        }
        if (norm) {
          tensors.put(AttentionTensor.KV_A_NORM, Shape.of(rank));
        }
        if (projected) {
          tensors.put(AttentionTensor.KV_LATENT_PROJ, Shape.of(states, rank));
        }
      }
      case StatePath.Encoded(int heads, int dim, boolean bias) -> {
        long keys = (long) heads * dim;
        addKeyValue(tensors, keys, dim, hiddenSize, bias, true);
        tensors.put(AttentionTensor.KV_STATE_PROJ, Shape.of(states, 2 * keys));
        tensors.put(AttentionTensor.ROPE_KEY_PROJ, Shape.of(rope, keys));
      }
      case StatePath.Reference() -> addReference(tensors, states, hiddenSize);
    }
    if (layout instanceof Gla gla && !(state instanceof StatePath.Reference)) {
      long heads = (long) gla.queryHeads() * (gla.nopeDim() + gla.valueDim());
      tensors.put(AttentionTensor.KV_B_PROJ, Shape.of(heads, gla.latentDim()));
    }
  }

  private void addReference(Map<AttentionTensor, Shape> tensors, long states, int hiddenSize) {
    long down = states + layout.ropeDim();
    long latent = states / 2;
    long up = (long) layout.queryHeads() / 2 * (layout.nopeDim() + layout.valueDim());
    tensors.put(AttentionTensor.W_DKV, Shape.of(down, hiddenSize));
    tensors.put(AttentionTensor.W_DKV_BIAS, Shape.of(down));
    tensors.put(AttentionTensor.KV_NORM_1, Shape.of(latent));
    tensors.put(AttentionTensor.KV_NORM_2, Shape.of(latent));
    tensors.put(AttentionTensor.W_UKV_1, Shape.of(up, latent));
    tensors.put(AttentionTensor.W_UKV_1_BIAS, Shape.of(up));
    tensors.put(AttentionTensor.W_UKV_2, Shape.of(up, latent));
    tensors.put(AttentionTensor.W_UKV_2_BIAS, Shape.of(up));
  }

  private static void addKeyValue(
      Map<AttentionTensor, Shape> tensors,
      long keys,
      int headDim,
      int hiddenSize,
      boolean bias,
      boolean keyNorm) {
    tensors.put(AttentionTensor.K_PROJ, Shape.of(keys, hiddenSize));
    tensors.put(AttentionTensor.V_PROJ, Shape.of(keys, hiddenSize));
    if (bias) {
      tensors.put(AttentionTensor.K_BIAS, Shape.of(keys));
      tensors.put(AttentionTensor.V_BIAS, Shape.of(keys));
    }
    if (keyNorm) {
      tensors.put(AttentionTensor.K_NORM, Shape.of(headDim));
    }
  }
}
