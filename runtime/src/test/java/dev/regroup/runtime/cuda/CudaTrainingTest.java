package dev.regroup.runtime.cuda;

import dev.regroup.runtime.train.TrainingMath;

/// {@link CudaTraining}: float32 throughout.
final class CudaTrainingTest extends TrainingContract {
  @Override
  TrainingMath training(CudaContext device) {
    return new CudaTraining(device);
  }

  @Override
  double rounding() {
    return 1.5e-7;
  }

  @Override
  double squaresRounding() {
    return 1e-6;
  }

  @Override
  float[] exact(float[] numbers) {
    return numbers;
  }
}
