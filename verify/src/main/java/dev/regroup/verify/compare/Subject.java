package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.model.Transformer;

/// A model under examination.
///
/// @param name for reports and errors
/// @param spec what it is
/// @param tensors its weights; bytes are compared where they are a checkpoint's, else elements
/// @param device what it runs on; closed by whoever opened it
public record Subject(String name, ModelSpec spec, Tensors tensors, Device device) {
  /// A model that runs on the CPU.
  public Subject(String name, ModelSpec spec, Tensors tensors) {
    this(name, spec, tensors, Device.cpu());
  }

  /// The model, ready to run.
  public Transformer model() {
    return new Transformer(spec, tensors, device.backend());
  }
}
