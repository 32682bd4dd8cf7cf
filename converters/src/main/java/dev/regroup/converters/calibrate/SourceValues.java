package dev.regroup.converters.calibrate;

import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Products;

/// Reads the source's states and values out of its cache rows.
public final class SourceValues {
  private SourceValues() {}

  /// Whether a GQA source has norms over its heads, behind which a conversion must come.
  public static boolean normed(AttentionSpec source) {
    return source.state() instanceof StatePath.KeyValue(boolean _, boolean keyNorm) && keyNorm;
  }

  /// What keys and values of the source are linear in, `[tokens, m]`: see {@link LayerStatistics}.
  public static FloatBlock states(Gqa gqa, float[] rows, int tokens) {
    int dim = gqa.headDim();
    int keys = gqa.kvHeads() * dim;
    float[] states = new float[tokens * 2 * keys];
    for (int t = 0; t < tokens; t++) {
      for (int g = 0; g < gqa.kvHeads(); g++) {
        int from = (t * gqa.kvHeads() + g) * 2 * dim;
        int to = t * 2 * keys + g * dim;
        System.arraycopy(rows, from, states, to, dim);
        System.arraycopy(rows, from + dim, states, to + keys, dim);
      }
    }
    return FloatBlock.of(tokens, 2 * keys, states);
  }

  /// The normed latent of MLA, `[tokens, r]`.
  static FloatBlock states(Gla mla, float[] rows, int tokens) {
    return FloatBlock.of(tokens, mla.latentDim() + mla.ropeDim(), rows).columns(0, mla.latentDim());
  }

  /// The values of query head `head`, `[tokens, d_v]`.
  ///
  /// @param weights of the source's sublayer
  static FloatBlock values(
      AttentionLayout layout, LayerWeights weights, FloatBlock states, int head) {
    return switch (layout) {
      case Gqa gqa -> {
        int group = head / (gqa.queryHeads() / gqa.kvHeads());
        yield states.columns((gqa.kvHeads() + group) * gqa.headDim(), gqa.headDim());
      }
      case Gla mla -> {
        FloatBlock values = FloatBlock.zeros(states.rows(), mla.valueDim());
        Products.fast()
            .multiply(Form.RIGHT_TRANSPOSED, 1, states, valueUp(mla, weights, head), 0, values);
        yield values;
      }
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  /// W_UV of a head, `[d_v, r]`, as a view of `kv_b_proj`.
  private static FloatBlock valueUp(Gla mla, LayerWeights weights, int head) {
    int each = mla.nopeDim() + mla.valueDim();
    FloatBlock up =
        FloatBlock.of(
            mla.queryHeads() * each, mla.latentDim(), weights.get(AttentionTensor.KV_B_PROJ));
    return up.rows(head * each + mla.nopeDim(), mla.valueDim());
  }
}
