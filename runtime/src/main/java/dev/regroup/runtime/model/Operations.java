package dev.regroup.runtime.model;

import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Products;

/// What a forward pass is made of. {@link ScalarOperations} is the definition, {@link
/// VectorOperations} its fast twin; one contract test holds both to it.
///
/// Activations are row-major, a row a token. Implementations hold no state and use one thread.
public interface Operations {
  /// Matrix products, as fast as these operations are.
  Products products();

  /// `y = W x + b` of every row: `[rows, in]` to a new `[rows, out]`.
  float[] linear(Linear layer, float[] x, int rows);

  /// The RMS norm of every row, `x / sqrt(mean(x²) + epsilon) · gain`, as a new array; a row is
  /// as long as `gain`.
  float[] rmsNorm(float[] x, float[] gain, double epsilon);

  /// The transpose of the derivative of {@link #rmsNorm}: with `s = 1 / sqrt(mean(x²) + epsilon)` and
  /// `pulled` the derivative by its result, `s · gain · pulled − x · s³ · mean(x · gain · pulled)` of
  /// every row by `x`, as a new array, and `Σ s · x · pulled` over the rows by the gain.
  ///
  /// @param byGain added to; as long as `gain`
  float[] pullRmsNorm(float[] x, float[] gain, double epsilon, float[] pulled, float[] byGain);

  /// Turns slices of `rope.dim()` elements in place, those of row t to position `first + t`: angles
  /// in float64, cosine and sine multiplied by the attention factor.
  void rotate(float[] x, HeadSlices slices, Rope rope, int first);

  /// Scores to probabilities, in place: the softmax of every row over the keys it sees, exactly 0
  /// elsewhere, whatever lay there.
  void causalSoftmax(FloatBlock scores, CausalTile tile);

  /// `gate = silu(gate) · up`, in place.
  void gate(float[] gate, float[] up);

  /// The definition: plain loops, float64 sums.
  static Operations scalar() {
    return ScalarOperations.INSTANCE;
  }

  /// The fastest there is.
  static Operations fast() {
    return VectorOperations.INSTANCE;
  }
}
