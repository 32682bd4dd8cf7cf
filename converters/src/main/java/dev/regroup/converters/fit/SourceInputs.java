package dev.regroup.converters.fit;

import dev.regroup.converters.calibrate.SourceValues;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.AttentionSublayers;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Linear;
import dev.regroup.runtime.model.Operations;
import dev.regroup.runtime.model.Projected;

/// Turns a residual stream into what a converted layer's maps read.
final class SourceInputs {
  private final DecoderLayer layer;
  private final LayerWeights weights;

  /// @param weights the source's attention tensors of the layer
  SourceInputs(DecoderLayer layer, LayerWeights weights) {
    this.layer = layer;
    this.weights = weights;
  }

  /// The inputs over one window of a residual stream `[tokens, D]`.
  Inputs of(float[] hidden, int tokens) {
    float[] x = layer.attentionInput(hidden, tokens);
    FloatBlock block = FloatBlock.of(tokens, x.length / tokens, x);
    AttentionLayout layout = layer.spec().attention().layout();
    return switch (layout) {
      case Gqa gqa ->
          SourceValues.normed(layer.spec().attention())
              ? normed(gqa, x, tokens)
              : new Inputs(block, block, block);
      case Gla mla -> new Inputs(queries(block), latents(mla, x, tokens), block);
      case Gta _ -> throw new IllegalArgumentException("GTA is not a source");
    };
  }

  /// Behind the head norms: queries, keys and values, keys.
  private Inputs normed(Gqa gqa, float[] x, int tokens) {
    Projected projected = layer.attention().project(x, tokens);
    int keys = gqa.kvHeads() * gqa.headDim();
    FloatBlock states = SourceValues.states(gqa, projected.rows(), tokens);
    return new Inputs(
        FloatBlock.of(tokens, gqa.queryHeads() * gqa.headDim(), projected.queries()),
        states,
        states.columns(0, keys));
  }

  private FloatBlock latents(Gla mla, float[] x, int tokens) {
    float[] rows = layer.attention().project(x, tokens).rows();
    return FloatBlock.of(tokens, mla.latentDim() + mla.ropeDim(), rows).columns(0, mla.latentDim());
  }

  private FloatBlock queries(FloatBlock x) {
    return switch (layer.spec().attention().query()) {
      case QueryPath.Direct _, QueryPath.Mixed _ -> x;
      case QueryPath.Reference _ -> throw new IllegalArgumentException("a target only");
      case QueryPath.LowRank(int rank, boolean bias) -> {
        float[] weight = weights.get(AttentionTensor.Q_A_PROJ);
        Linear down =
            bias
                ? new Linear(x.columns(), rank, weight, weights.get(AttentionTensor.Q_A_BIAS))
                : new Linear(x.columns(), rank, weight);
        float[] latent = Operations.fast().linear(down, x.elements(), x.rows());
        float[] normed =
            Operations.fast()
                .rmsNorm(
                    latent,
                    weights.get(AttentionTensor.Q_A_NORM),
                    AttentionSublayers.LATENT_NORM_EPSILON);
        yield FloatBlock.of(x.rows(), rank, normed);
      }
    };
  }
}
