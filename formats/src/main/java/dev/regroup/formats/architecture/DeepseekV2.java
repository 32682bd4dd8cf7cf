package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;

/// DeepSeek V2 and V2-Lite: multi-head latent attention, softmax-routed experts.
///
/// Two readings of a V2 config exist: DeepSeek's own code, shipped with the weights, and
/// transformers (5.18, `models/deepseek_v2`). Where they agree we follow both: the rotation is
/// interleaved, latents are normed with epsilon 1e-6, the softmax scale carries mscale² (earlier
/// transformers left it out), the chosen scores are multiplied by `routed_scaling_factor`. Where
/// they do not:
///
/// - `norm_topk_prob: true` normalises the weights and drops the scale there, and does nothing
///   here. No published model sets it, so nobody can say which is meant: refused.
/// - `moe_layer_freq` and `n_shared_experts: null` are read there and not here. The tensors of a
///   checkpoint decide, so following DeepSeek cannot go wrong unseen.
/// - `mlp_bias` is read here and not there, and would put biases on shared experts: refused.
final class DeepseekV2 implements Architecture {
  @Override
  public String modelType() {
    return "deepseek_v2";
  }

  @Override
  public String className() {
    return "DeepseekV2ForCausalLM";
  }

  @Override
  public ModelSpec describe(ModelConfig config) {
    var common = CommonFields.read(config, 2048);
    if (config.flag("mlp_bias", false)) {
      throw CommonFields.unsupported(config, "mlp_bias", "expected false, found true");
    }
    var attention = LatentHeads.read(common, true);
    var layers = MixtureLayers.read(common, DeepseekV2::routing);
    return common.spec(
        modelType(),
        common.eachLayer(i -> new LayerSpec(attention, layers.at(i))),
        config.integer("num_nextn_predict_layers", 0));
  }

  private static Routing routing(ModelConfig config) {
    String scores = config.text("scoring_func", "softmax");
    if (!scores.equals("softmax")) {
      throw CommonFields.unsupported(
          config, "scoring_func", "expected \"softmax\", found " + Quoted.of(scores));
    }
    if (config.flag("norm_topk_prob", false)) {
      throw CommonFields.unsupported(
          config,
          "norm_topk_prob",
          "expected false, found true, which DeepSeek's code and transformers take differently");
    }
    String method = config.text("topk_method", "greedy");
    boolean limited =
        switch (method) {
          case "greedy" -> false;
          case "group_limited_greedy" -> true;
          default ->
              throw CommonFields.unsupported(
                  config,
                  "topk_method",
                  "expected greedy or group_limited_greedy, found " + Quoted.of(method));
        };
    int groups = limited ? config.integer("n_group") : 1;
    return new Routing(
        CommonFields.positive(config, "num_experts_per_tok"),
        groups,
        limited ? config.integer("topk_group") : 1,
        false,
        false,
        false,
        config.number("routed_scaling_factor", 1));
  }
}
