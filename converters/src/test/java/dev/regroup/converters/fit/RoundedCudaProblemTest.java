package dev.regroup.converters.fit;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.TrainingMath;

/// {@link DeviceProblem} on a GPU with factors in BF16; tolerances are those of {@link
/// RoundedProblemTest}.
final class RoundedCudaProblemTest extends CudaProblemTest {
  @Override
  TrainingMath math() {
    TrainingMath math = super.math();
    if (math.accuracy() != Accuracy.BFLOAT16) {
      math.close();
      assumeTrue(false, "cuBLAS 12 or 13 is not installed");
    }
    return math;
  }

  @Override
  Accuracy accuracy() {
    return Accuracy.BFLOAT16;
  }

  @Override
  double tolerance() {
    return RoundedProblemTest.TOLERANCE;
  }

  @Override
  double stepTolerance() {
    return RoundedProblemTest.STEP_TOLERANCE;
  }
}
