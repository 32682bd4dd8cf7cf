package dev.regroup.converters.plan;

import dev.regroup.formats.tensor.TensorInfo;

/// The fate of one tensor.
///
/// @param info of the source for kept and dropped tensors, of the target for written ones
/// @param layer the layer whose attention it belongs to, or -1
public record PlannedTensor(TensorInfo info, Fate fate, int layer) {
  /// What becomes of a tensor.
  public enum Fate {
    /// Copied byte for byte.
    KEPT,
    /// Computed; it may replace a source tensor of the same name.
    WRITTEN,
    /// In the source only.
    DROPPED
  }
}
