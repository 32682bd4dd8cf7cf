package dev.regroup.runtime.cuda;

import dev.regroup.runtime.train.TrainingMath;

/// {@link TrainingMath} on one stream of a GPU.
sealed interface StreamTraining extends TrainingMath permits CudaTraining, RoundedTraining {
  CudaStream stream();

  /// What computes products, such as `cuBLAS 13.0`.
  String products();
}
