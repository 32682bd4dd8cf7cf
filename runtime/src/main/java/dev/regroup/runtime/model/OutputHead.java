package dev.regroup.runtime.model;

/// The final norm and the output head.
///
/// @param norm `[D]`
/// @param weights `[vocabulary, D]`
public record OutputHead(int hiddenSize, double normEpsilon, float[] norm, float[] weights) {
  /// Logits `[count, vocabulary]` of tokens `[first, first + count)` of a residual stream `[tokens, D]`.
  public float[] logits(float[] hidden, int first, int count) {
    throw new UnsupportedOperationException("not yet: " + hidden.length + first + count);
  }
}
