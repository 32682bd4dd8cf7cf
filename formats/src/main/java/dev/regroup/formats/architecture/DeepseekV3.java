package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;

/// DeepSeek V3 and R1, and what shares their code: multi-head latent attention, sigmoid-routed
/// experts chosen with a correction bias (`noaux_tc`), layers for multi-token prediction after the
/// last.
///
/// Latents are normed with epsilon 1e-6 whatever `rms_norm_eps` says. `n_group: null` is one group.
///
/// Source: transformers 5.18, `models/deepseek_v3`; arXiv:2412.19437.
final class DeepseekV3 implements Architecture {
  @Override
  public String modelType() {
    return "deepseek_v3";
  }

  @Override
  public String className() {
    return "DeepseekV3ForCausalLM";
  }

  @Override
  public ModelSpec describe(ModelConfig config) {
    var common = CommonFields.read(config, 4096);
    var attention = LatentHeads.read(common, config.flag("rope_interleave", true));
    var layers = MixtureLayers.read(common, DeepseekV3::routing);
    return common.spec(
        modelType(),
        common.eachLayer(i -> new LayerSpec(attention, layers.at(i))),
        config.integer("num_nextn_predict_layers", 0));
  }

  private static Routing routing(ModelConfig config) {
    expect(config, "scoring_func", "sigmoid");
    expect(config, "topk_method", "noaux_tc");
    int groups = config.integer("n_group", 1);
    return new Routing(
        CommonFields.positive(config, "num_experts_per_tok"),
        groups,
        config.integer("topk_group", groups),
        true,
        true,
        config.flag("norm_topk_prob", true),
        config.number("routed_scaling_factor", 2.5));
  }

  private static void expect(ModelConfig config, String key, String only) {
    String found = config.text(key, only);
    if (!found.equals(only)) {
      throw CommonFields.unsupported(
          config, key, "expected \"%s\", found %s".formatted(only, Quoted.of(found)));
    }
  }
}
