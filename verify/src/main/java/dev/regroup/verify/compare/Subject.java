package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.Transformer;

/// A model under examination.
///
/// @param name for reports and errors
/// @param spec what it is
/// @param tensors its weights; bytes are compared where they are a checkpoint's, else elements
public record Subject(String name, ModelSpec spec, Tensors tensors) {
  /// The model, ready to run.
  public Transformer model() {
    return new Transformer(spec, tensors);
  }
}
