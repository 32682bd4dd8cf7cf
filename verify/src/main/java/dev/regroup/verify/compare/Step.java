package dev.regroup.verify.compare;

import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Residual;

/// What one layer made of one window.
///
/// @param attention `[tokens, D]`, what attention added to the residual stream
/// @param hidden `[tokens, D]`, the residual stream after the layer
/// @param experts chosen, `[tokens, expertsPerToken]`; empty for a dense layer
record Step(float[] attention, float[] hidden, int[] experts) {
  static Step of(DecoderLayer layer, float[] hidden, int tokens) {
    float[] attention = attention(layer, hidden, tokens);
    float[] between = Residual.sum(hidden, attention);
    return new Step(
        attention,
        Residual.sum(between, layer.feedForward(between, tokens)),
        layer.routing(between, tokens));
  }

  static float[] attention(DecoderLayer layer, float[] hidden, int tokens) {
    return layer.attention().forward(layer.attentionInput(hidden, tokens), tokens);
  }
}
