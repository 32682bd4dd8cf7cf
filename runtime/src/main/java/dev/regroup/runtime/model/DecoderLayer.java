package dev.regroup.runtime.model;

import dev.regroup.formats.architecture.LayerSpec;

/// One decoder layer with its weights.
public interface DecoderLayer extends AutoCloseable {
  /// What the layer is.
  LayerSpec spec();

  /// What attention reads: the input norm of a residual stream `[tokens, D]`.
  float[] attentionInput(float[] hidden, int tokens);

  /// The attention sublayer.
  AttentionSublayer attention();

  /// What the feed-forward sublayer adds to a residual stream `[tokens, D]`: its norm and its MLP
  /// or mixture, without the residual.
  float[] feedForward(float[] hidden, int tokens);

  /// The experts a mixture chose for each token, `[tokens, expertsPerToken]`, best first; empty for
  /// a dense layer.
  int[] routing(float[] hidden, int tokens);

  /// The whole layer on one sequence from position 0: residual stream in, residual stream out, both
  /// `[tokens, D]`, as a new array.
  default float[] forward(float[] hidden, int tokens) {
    float[] between =
        Residual.sum(hidden, attention().forward(attentionInput(hidden, tokens), tokens));
    return Residual.sum(between, feedForward(between, tokens));
  }

  /// Frees what it holds on a device; nothing on the CPU.
  @Override
  default void close() {}
}
