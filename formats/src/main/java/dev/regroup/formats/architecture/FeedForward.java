package dev.regroup.formats.architecture;

import dev.regroup.formats.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.Map;

/// The sublayer after attention: a gated MLP, or a mixture of them. Always SiLU-gated:
/// `down(silu(gate x) * up x)`.
public sealed interface FeedForward permits FeedForward.Dense, FeedForward.Mixture {
  /// Every tensor the sublayer reads, under its name after `model.layers.{i}.mlp.`.
  ///
  /// @param hiddenSize D
  Map<String, Shape> tensors(int hiddenSize);

  /// One gated MLP: `gate_proj`, `up_proj`, `down_proj`.
  record Dense(int intermediateSize, boolean bias) implements FeedForward {
    @Override
    public Map<String, Shape> tensors(int hiddenSize) {
      var tensors = new LinkedHashMap<String, Shape>();
      addGated(tensors, "", hiddenSize, intermediateSize, bias);
      return tensors;
    }
  }

  /// A mixture of experts: a router (`gate`), routed `experts.{e}`, and shared experts fused into
  /// one MLP of `sharedExperts` times the width.
  ///
  /// @param intermediateSize of one expert, `moe_intermediate_size`
  /// @param sharedExperts 0 where there are none
  record Mixture(int experts, int intermediateSize, int sharedExperts, Routing routing)
      implements FeedForward {
    @Override
    public Map<String, Shape> tensors(int hiddenSize) {
      var tensors = new LinkedHashMap<String, Shape>();
      tensors.put("gate.weight", Shape.of(experts, hiddenSize));
      if (routing.correctionBias()) {
        tensors.put("gate.e_score_correction_bias", Shape.of(experts));
      }
      for (int e = 0; e < experts; e++) {
        addGated(tensors, "experts." + e + ".", hiddenSize, intermediateSize, false);
      }
      if (sharedExperts > 0) {
        addGated(tensors, "shared_experts.", hiddenSize, sharedExperts * intermediateSize, false);
      }
      return tensors;
    }
  }

  private static void addGated(
      Map<String, Shape> tensors, String prefix, int hiddenSize, int width, boolean bias) {
    for (String part : new String[] {"gate_proj", "up_proj", "down_proj"}) {
      boolean down = part.equals("down_proj");
      Shape weight = down ? Shape.of(hiddenSize, width) : Shape.of(width, hiddenSize);
      tensors.put(prefix + part + ".weight", weight);
      if (bias) {
        tensors.put(prefix + part + ".bias", Shape.of(down ? hiddenSize : width));
      }
    }
  }
}
