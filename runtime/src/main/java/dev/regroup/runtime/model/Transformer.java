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

  /// A model over its tensors; none is read yet.
  ///
  /// @param spec what the model is
  /// @param weights its tensors, under the names of {@link ModelSpec#tensors}
  public Transformer(ModelSpec spec, Tensors weights) {
    this.spec = spec;
    this.weights = weights;
  }

  /// What the model is.
  public ModelSpec spec() {
    return spec;
  }

  /// The input embedding, read once; see {@link Embedding#embed}.
  public Embedding embedding() {
    throw new UnsupportedOperationException("not yet: " + weights);
  }

  /// One layer, its weights read.
  public DecoderLayer layer(int index) {
    throw new UnsupportedOperationException("not yet: " + index);
  }

  /// The final norm and the output head, read once.
  public OutputHead head() {
    throw new UnsupportedOperationException("not yet");
  }

  /// The logits `[tokens, vocabulary]` of one whole sequence from position 0: every layer is read,
  /// run and dropped.
  public float[] logits(int[] tokens) {
    throw new UnsupportedOperationException("not yet: " + tokens.length);
  }
}
