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
    int vocabulary = weights.length / hiddenSize;
    float[] rows = new float[Math.multiplyExact(tokens.length, hiddenSize)];
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] < 0 || tokens[i] >= vocabulary) {
        throw new IllegalArgumentException(
            "token %d is %d, the vocabulary has %d".formatted(i, tokens[i], vocabulary));
      }
      System.arraycopy(weights, tokens[i] * hiddenSize, rows, i * hiddenSize, hiddenSize);
    }
    return rows;
  }
}
