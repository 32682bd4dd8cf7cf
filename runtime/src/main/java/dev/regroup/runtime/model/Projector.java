package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import org.jspecify.annotations.Nullable;

/// Hidden states to queries and cache rows, before rotation: the one place that follows a {@link
/// QueryPath} and a {@link StatePath}.
final class Projector {
  private final AttentionSpec spec;
  private final AttentionLayout layout;
  private final CacheRow row;
  private final AttentionWeights weights;
  private final Operations operations;

  Projector(AttentionSpec spec, AttentionWeights weights, Operations operations) {
    this.spec = spec;
    this.layout = spec.layout();
    this.row = layout.cacheRow();
    this.weights = weights;
    this.operations = operations;
  }

  Projected project(float[] x, int tokens) {
    return new Projected(tokens, queries(x, tokens), rows(x, tokens));
  }

  private float[] queries(float[] x, int tokens) {
    return switch (spec.query()) {
      case QueryPath.Direct(boolean bias, boolean headNorm) -> {
        float[] q = apply(AttentionTensor.Q_PROJ, bias ? AttentionTensor.Q_BIAS : null, x, tokens);
        yield headNorm
            ? operations.rmsNorm(q, weights.get(AttentionTensor.Q_NORM), weights.normEpsilon())
            : q;
      }
      case QueryPath.Mixed(int dim, boolean bias) -> {
        float[] q = apply(AttentionTensor.Q_PROJ, bias ? AttentionTensor.Q_BIAS : null, x, tokens);
        yield mixed(
            operations.rmsNorm(q, weights.get(AttentionTensor.Q_NORM), weights.normEpsilon()),
            dim,
            tokens);
      }
      case QueryPath.LowRank(int rank, boolean bias) -> {
        float[] a =
            apply(AttentionTensor.Q_A_PROJ, bias ? AttentionTensor.Q_A_BIAS : null, x, tokens);
        yield apply(
            AttentionTensor.Q_B_PROJ, null, latentNorm(AttentionTensor.Q_A_NORM, a), tokens);
      }
      case QueryPath.Reference _ -> {
        float[] a = apply(AttentionTensor.W_DQ, AttentionTensor.W_DQ_BIAS, x, tokens);
        yield apply(
            AttentionTensor.W_UQ_ROPE,
            AttentionTensor.W_UQ_ROPE_BIAS,
            norm(AttentionTensor.Q_NORM, a),
            tokens);
      }
    };
  }

  /// Each head's source query `[tokens, H·dim]` mapped by itself.
  private float[] mixed(float[] queries, int dim, int tokens) {
    int out = layout.queryDim();
    FloatBlock from = FloatBlock.of(tokens, layout.queryHeads() * dim, queries);
    FloatBlock to = FloatBlock.zeros(tokens, layout.queryHeads() * out);
    FloatBlock maps =
        FloatBlock.of(layout.queryHeads() * out, dim, weights.get(AttentionTensor.Q_STATE_PROJ));
    for (int head = 0; head < layout.queryHeads(); head++) {
      operations
          .products()
          .multiply(
              Form.RIGHT_TRANSPOSED,
              1,
              from.columns(head * dim, dim),
              maps.rows(head * out, out),
              0,
              to.columns(head * out, out));
    }
    return to.elements();
  }

  private float[] rows(float[] x, int tokens) {
    return switch (spec.state()) {
      case StatePath.KeyValue(boolean bias, boolean keyNorm) ->
          interleaved(keys(x, tokens, bias, keyNorm), values(x, tokens, bias), tokens);
      case StatePath.Tied(boolean bias) ->
          joined(
              apply(AttentionTensor.KV_PROJ, bias ? AttentionTensor.KV_BIAS : null, x, tokens),
              apply(AttentionTensor.ROPE_KEY, AttentionTensor.ROPE_KEY_BIAS, x, tokens),
              tokens);
      case StatePath.Latent latent -> latentRows(latent, x, tokens);
      case StatePath.Encoded(int heads, int dim, boolean bias) -> {
        float[] keys = keys(x, tokens, bias, true);
        float[] both = joined(keys, values(x, tokens, bias), tokens);
        yield joined(
            apply(AttentionTensor.KV_STATE_PROJ, null, both, tokens),
            apply(AttentionTensor.ROPE_KEY_PROJ, null, keys, tokens),
            tokens);
      }
      case StatePath.Reference() -> {
        float[] down = apply(AttentionTensor.W_DKV, AttentionTensor.W_DKV_BIAS, x, tokens);
        int latent = row.stateDim();
        float[] first = columns(down, row.elements(), 0, latent);
        float[] second = columns(down, row.elements(), latent, latent);
        float[] both =
            joined(
                norm(AttentionTensor.KV_NORM_1, first),
                norm(AttentionTensor.KV_NORM_2, second),
                tokens);
        yield joined(both, columns(down, row.elements(), 2 * latent, layout.ropeDim()), tokens);
      }
    };
  }

  private float[] latentRows(StatePath.Latent path, float[] x, int tokens) {
    float[] down =
        apply(AttentionTensor.KV_A_PROJ, path.bias() ? AttentionTensor.KV_A_BIAS : null, x, tokens);
    int width = path.rank() + layout.ropeDim();
    float[] latent = columns(down, width, 0, path.rank());
    float[] ropeKey = columns(down, width, path.rank(), layout.ropeDim());
    if (path.norm()) {
      latent = latentNorm(AttentionTensor.KV_A_NORM, latent);
    }
    if (path.projected()) {
      latent = apply(AttentionTensor.KV_LATENT_PROJ, null, latent, tokens);
    }
    return joined(latent, ropeKey, tokens);
  }

  private float[] keys(float[] x, int tokens, boolean bias, boolean norm) {
    float[] keys = apply(AttentionTensor.K_PROJ, bias ? AttentionTensor.K_BIAS : null, x, tokens);
    return norm
        ? operations.rmsNorm(keys, weights.get(AttentionTensor.K_NORM), weights.normEpsilon())
        : keys;
  }

  private float[] values(float[] x, int tokens, boolean bias) {
    return apply(AttentionTensor.V_PROJ, bias ? AttentionTensor.V_BIAS : null, x, tokens);
  }

  private float[] norm(AttentionTensor gain, float[] x) {
    return operations.rmsNorm(x, weights.get(gain), weights.normEpsilon());
  }

  private float[] latentNorm(AttentionTensor gain, float[] latent) {
    return operations.rmsNorm(latent, weights.get(gain), AttentionSublayers.LATENT_NORM_EPSILON);
  }

  private float[] apply(
      AttentionTensor weight, @Nullable AttentionTensor bias, float[] x, int tokens) {
    return operations.linear(weights.linear(weight, bias), x, tokens);
  }

  /// Keys `[tokens, G·d]` and values `[tokens, G·d]`, head by head: key, then value.
  private float[] interleaved(float[] keys, float[] values, int tokens) {
    float[] rows = new float[tokens * row.elements()];
    int dim = row.key().width();
    for (int head = 0; head < tokens * row.stateHeads(); head++) {
      System.arraycopy(keys, head * dim, rows, 2 * head * dim, dim);
      System.arraycopy(values, head * dim, rows, (2 * head + 1) * dim, dim);
    }
    return rows;
  }

  private static float[] joined(float[] left, float[] right, int tokens) {
    int leftWidth = left.length / tokens;
    int rightWidth = right.length / tokens;
    float[] rows = new float[left.length + right.length];
    for (int token = 0; token < tokens; token++) {
      int at = token * (leftWidth + rightWidth);
      System.arraycopy(left, token * leftWidth, rows, at, leftWidth);
      System.arraycopy(right, token * rightWidth, rows, at + leftWidth, rightWidth);
    }
    return rows;
  }

  private static float[] columns(float[] x, int width, int first, int count) {
    int tokens = x.length / width;
    float[] part = new float[tokens * count];
    for (int token = 0; token < tokens; token++) {
      System.arraycopy(x, token * width + first, part, token * count, count);
    }
    return part;
  }
}
