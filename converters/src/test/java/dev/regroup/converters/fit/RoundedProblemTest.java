package dev.regroup.converters.fit;

import dev.regroup.runtime.train.TrainingMath;

/// {@link DeviceProblem} by its definition, but that products read BF16: what rounding alone does.
///
/// A factor is off by up to 2⁻⁸ of itself, 2⁻⁸/√3 in the root mean square, and errors of a sum's terms
/// are independent: a product is off by 2⁻⁸·√(2/3), relative to its size. Some eight in a row, results
/// rounded too, come to 2⁻⁸·√8, 1.1 %; the largest of thousands of such errors is four times that. Where
/// attention is nearly all on one token, its derivative is a difference of such, several times smaller:
/// held to a tenth of the largest element.
final class RoundedProblemTest extends DeviceProblemContract {
  static final double TOLERANCE = 0.1;
  static final double STEP_TOLERANCE = 2e-2;

  @Override
  TrainingMath math() {
    return new RoundedScalarMath(100_000_000);
  }

  @Override
  double tolerance() {
    return TOLERANCE;
  }

  @Override
  double stepTolerance() {
    return STEP_TOLERANCE;
  }
}
