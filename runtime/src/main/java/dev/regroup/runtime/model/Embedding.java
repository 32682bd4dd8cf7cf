package dev.regroup.runtime.model;

/// The input embedding.
///
/// @param hiddenSize D
/// @param weights `[vocabulary, D]`
public record Embedding(int hiddenSize, float[] weights) {
  /// The rows `[tokens, D]` of some tokens.
  ///
  /// @throws IllegalArgumentException where a token lies outside the vocabulary
  public float[] embed(int[] tokens) {
    throw new UnsupportedOperationException("not yet: " + tokens.length);
  }
}
