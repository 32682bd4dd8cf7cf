package dev.regroup.converters.fit;

import dev.regroup.runtime.train.ScalarTrainingMath;
import dev.regroup.runtime.train.TrainingMath;

/// {@link DeviceProblem} by the definition of what it computes with, with room for all.
final class ScalarProblemTest extends DeviceProblemContract {
  @Override
  TrainingMath math() {
    return new ScalarTrainingMath(100_000_000);
  }
}
