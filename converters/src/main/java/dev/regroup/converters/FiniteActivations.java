package dev.regroup.converters;

import dev.regroup.converters.calibrate.Streams;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Projected;

/// Refuses activations that are no numbers, by name.
final class FiniteActivations {
  private FiniteActivations() {}

  /// @throws CheckpointException where the source's layer gives NaN or infinity on some window
  static void require(DecoderLayer layer, Streams streams, int index) {
    for (int window = 0; window < streams.windows(); window++) {
      if (!finite(streams.sourceUpdate(window))) {
        throw new CheckpointException(
            ("layer %d: %s: expected finite activations on the calibration text, found NaN or"
                    + " infinity -> check the weights with regroup inspect, or convert without"
                    + " --calibration")
                .formatted(index, culprit(layer, streams, window)));
      }
    }
  }

  /// The first thing on the way through a layer that is not finite.
  private static String culprit(DecoderLayer layer, Streams streams, int window) {
    float[] hidden = streams.source(window);
    if (!finite(hidden)) {
      return "its input, the residual stream";
    }
    float[] x = layer.attentionInput(hidden, streams.tokens());
    if (!finite(x)) {
      return "output of input_layernorm.weight";
    }
    Projected projected = layer.attention().project(x, streams.tokens());
    if (!finite(projected.queries())) {
      return "queries, output of self_attn.q_*";
    }
    if (!finite(projected.rows())) {
      return "keys and values, output of self_attn.k*";
    }
    return "output of self_attn.o_proj.weight";
  }

  private static boolean finite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }
}
