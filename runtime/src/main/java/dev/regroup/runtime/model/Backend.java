package dev.regroup.runtime.model;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.TrainingMath;
import java.util.Map;
import java.util.Optional;

/// What reads a model's weights and runs its layers: the CPU, or a device. Activations are the host's
/// on either side, so that callers do not differ.
///
/// What it makes is closed by the caller; on the CPU closing does nothing.
public interface Backend {
  /// One layer, its weights read.
  DecoderLayer layer(ModelSpec model, int index, Tensors weights);

  /// One layer whose feed-forward sublayer is that of another, of equal weights: only its attention
  /// and norms are read. The other stays open as long.
  DecoderLayer layer(ModelSpec model, int index, Tensors weights, DecoderLayer feedForward);

  /// The final norm and the output head, read.
  OutputHead head(ModelSpec model, Tensors weights);

  /// An attention sublayer over weights in memory.
  ///
  /// @param hiddenSize D
  /// @param normEpsilon of the norms over heads
  /// @param weights every tensor of {@link AttentionSpec#tensors}
  AttentionSublayer attention(
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      Map<AttentionTensor, float[]> weights);

  /// What can train layers faster than the caller's own processor, closed by the caller; nothing where
  /// that is the processor.
  ///
  /// @param accuracy the least that will do
  default Optional<TrainingMath> training(Accuracy accuracy) {
    return Optional.empty();
  }

  /// The CPU, by its fastest operations.
  static Backend cpu() {
    return new HostBackend(Operations.fast());
  }

  /// The CPU, by some operations: {@link Operations#scalar} is the definition.
  static Backend cpu(Operations operations) {
    return new HostBackend(operations);
  }
}
