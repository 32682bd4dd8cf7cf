package dev.regroup.runtime.model;

import dev.regroup.formats.architecture.FeedForward;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A decoder layer whose weights have been read.
final class LoadedLayer implements DecoderLayer {
  private final LayerSpec spec;
  private final double normEpsilon;
  private final Operations operations;
  private final float[] attentionNorm;
  private final AttentionSublayer attention;
  private final float[] feedForwardNorm;
  private final @Nullable GatedMlp dense;
  private final @Nullable MixtureOfExperts mixture;

  /// @param feedForward whose feed-forward sublayer is used instead of reading one
  private LoadedLayer(
      ModelSpec model,
      int index,
      Tensors weights,
      Operations operations,
      @Nullable LoadedLayer feedForward) {
    this.spec = model.layers().get(index);
    this.normEpsilon = model.normEpsilon();
    this.operations = operations;
    String prefix = "model.layers." + index + ".";
    attentionNorm = weights.floats(prefix + "input_layernorm.weight");
    feedForwardNorm = weights.floats(prefix + "post_attention_layernorm.weight");
    var attentionWeights = new EnumMap<AttentionTensor, float[]>(AttentionTensor.class);
    for (AttentionTensor tensor : spec.attention().tensors(model.hiddenSize()).keySet()) {
      attentionWeights.put(tensor, weights.floats(tensor.in(index)));
    }
    attention =
        AttentionSublayers.of(
            spec.attention(), model.hiddenSize(), normEpsilon, attentionWeights, operations);
    if (feedForward != null) {
      dense = feedForward.dense;
      mixture = feedForward.mixture;
      return;
    }
    var mlp = new MlpWeights(prefix + "mlp.", model.hiddenSize(), spec.feedForward(), weights);
    switch (spec.feedForward()) {
      case FeedForward.Dense _ -> {
        dense = mlp.gated("");
        mixture = null;
      }
      case FeedForward.Mixture experts -> {
        dense = null;
        mixture = mlp.mixture(experts);
      }
    }
  }

  static LoadedLayer read(ModelSpec model, int index, Tensors weights, Operations operations) {
    return new LoadedLayer(model, index, weights, operations, null);
  }

  /// A layer of another model with this feed-forward sublayer.
  LoadedLayer withAttentionOf(ModelSpec model, int index, Tensors weights) {
    return new LoadedLayer(model, index, weights, operations, this);
  }

  /// Reads the feed-forward weights of one layer.
  private record MlpWeights(String prefix, Map<String, Shape> shapes, Tensors weights) {
    MlpWeights(String prefix, int hiddenSize, FeedForward feedForward, Tensors weights) {
      this(prefix, feedForward.tensors(hiddenSize), weights);
    }

    Linear linear(String name) {
      Shape shape = shapes.get(name + ".weight");
      if (shape == null) {
        throw new IllegalArgumentException(prefix + name + " is no part of this layer");
      }
      return new Linear(
          (int) shape.extent(1),
          (int) shape.extent(0),
          weights.floats(prefix + name + ".weight"),
          shapes.containsKey(name + ".bias") ? weights.floats(prefix + name + ".bias") : null);
    }

    GatedMlp gated(String part) {
      return new GatedMlp(
          linear(part + "gate_proj"), linear(part + "up_proj"), linear(part + "down_proj"));
    }

    MixtureOfExperts mixture(FeedForward.Mixture spec) {
      String bias = "gate.e_score_correction_bias";
      var router =
          new Router(
              spec.routing(),
              linear("gate"),
              shapes.containsKey(bias) ? weights.floats(prefix + bias) : null);
      List<GatedMlp> experts = new ArrayList<>();
      for (int e = 0; e < spec.experts(); e++) {
        experts.add(gated("experts." + e + "."));
      }
      return new MixtureOfExperts(
          router, experts, spec.sharedExperts() > 0 ? gated("shared_experts.") : null);
    }
  }

  @Override
  public LayerSpec spec() {
    return spec;
  }

  @Override
  public float[] attentionInput(float[] hidden, int tokens) {
    return operations.rmsNorm(hidden, attentionNorm, normEpsilon);
  }

  @Override
  public AttentionSublayer attention() {
    return attention;
  }

  @Override
  public float[] feedForward(float[] hidden, int tokens) {
    float[] x = operations.rmsNorm(hidden, feedForwardNorm, normEpsilon);
    if (mixture != null) {
      return mixture.apply(operations, x, tokens);
    }
    if (dense == null) {
      throw new AssertionError("a layer is dense or a mixture");
    }
    return dense.apply(operations, x, tokens);
  }

  @Override
  public int[] routing(float[] hidden, int tokens) {
    if (mixture == null) {
      return new int[0];
    }
    float[] x = operations.rmsNorm(hidden, feedForwardNorm, normEpsilon);
    return mixture.router().choose(operations, x, tokens).experts();
  }
}
