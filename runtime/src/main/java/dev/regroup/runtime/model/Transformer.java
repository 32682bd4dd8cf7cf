package dev.regroup.runtime.model;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Tensors;

/// A model that can be run, its weights read from `weights` when they are needed.
///
/// Nothing is held between calls: {@link #layer} and {@link #head} read weights anew, so that the
/// caller decides what stays in memory. Safe for use by several threads.
public final class Transformer {
  private final ModelSpec spec;
  private final Tensors weights;
  private final Backend backend;

  /// A model over its tensors; none is read yet.
  ///
  /// @param spec what the model is
  /// @param weights its tensors, under the names of {@link ModelSpec#tensors}
  public Transformer(ModelSpec spec, Tensors weights) {
    this(spec, weights, Backend.cpu());
  }

  /// The same, computed by some operations: {@link Operations#scalar} is the definition.
  public Transformer(ModelSpec spec, Tensors weights, Operations operations) {
    this(spec, weights, Backend.cpu(operations));
  }

  /// The same, run by a backend.
  public Transformer(ModelSpec spec, Tensors weights, Backend backend) {
    this.spec = spec;
    this.weights = weights;
    this.backend = backend;
  }

  /// What the model is.
  public ModelSpec spec() {
    return spec;
  }

  /// The input embedding, read once; see {@link Embedding#embed}.
  public Embedding embedding() {
    return new Embedding(spec.hiddenSize(), weights.floats(ModelSpec.EMBEDDING));
  }

  /// One layer, its weights read; closed by the caller.
  public DecoderLayer layer(int index) {
    return backend.layer(spec, index, weights);
  }

  /// One layer with the feed-forward sublayer of another, of equal weights; closed by the caller,
  /// before the other.
  public DecoderLayer layer(int index, DecoderLayer feedForward) {
    return backend.layer(spec, index, weights, feedForward);
  }

  /// The final norm and the output head, read once; closed by the caller.
  public OutputHead head() {
    return backend.head(spec, weights);
  }

  /// The logits `[tokens, vocabulary]` of one whole sequence from position 0: every layer is read,
  /// run and dropped.
  public float[] logits(int[] tokens) {
    float[] hidden = embedding().embed(tokens);
    for (int i = 0; i < spec.layers().size(); i++) {
      try (DecoderLayer layer = layer(i)) {
        hidden = layer.forward(hidden, tokens.length);
      }
    }
    try (OutputHead head = head()) {
      return head.logits(hidden, 0, tokens.length);
    }
  }
}
