package dev.regroup.converters.fit;

import dev.regroup.runtime.train.ScalarTrainingMath;
import dev.regroup.runtime.train.TrainingMath;

/// {@link DeviceProblem} with room for two or three short windows, or one long one.
final class SmallScalarProblemTest extends DeviceProblemContract {
  @Override
  TrainingMath math() {
    return new ScalarTrainingMath(30_000);
  }
}
