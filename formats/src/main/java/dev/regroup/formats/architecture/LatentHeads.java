package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.ModelConfig;

/// DeepSeek's multi-head latent attention, the same in every layer of V2 and V3: queries direct or
/// through a rank, one normed latent and one rotary key for all heads.
///
/// The softmax scale is (d_n + d_r)^-1/2, times mscale² where the rope scaling has an
/// `mscale_all_dim`: so in DeepSeek's own code for V2 and V3 and in transformers 5.18. `head_dim`
/// and `num_key_value_heads` say nothing about this layout and are not read.
final class LatentHeads {
  private LatentHeads() {}

  /// Reads the sublayer.
  ///
  /// @param interleaved whether rotated pairs are neighbours
  static AttentionSpec read(CommonFields common, boolean interleaved) {
    ModelConfig config = common.config();
    boolean bias = config.flag("attention_bias", false);
    int ropeDim = CommonFields.positive(config, "qk_rope_head_dim");
    if (ropeDim % 2 != 0) {
      throw config.wrong("qk_rope_head_dim", "expected an even number, found " + ropeDim);
    }
    int rank = CommonFields.positive(config, "kv_lora_rank");
    var layout =
        new Gla(
            CommonFields.positive(config, "num_attention_heads"),
            1,
            rank,
            CommonFields.positive(config, "qk_nope_head_dim"),
            ropeDim,
            CommonFields.positive(config, "v_head_dim"));
    QueryPath query =
        config.has("q_lora_rank")
            ? new QueryPath.LowRank(CommonFields.positive(config, "q_lora_rank"), bias)
            : new QueryPath.Direct(false, false);
    var rope = RopeParameters.read(config, common.maxPositions());
    return new AttentionSpec(
        layout,
        query,
        new StatePath.Latent(rank, true, false, bias),
        rope.rope(ropeDim, interleaved),
        rope.softmaxFactor() / Math.sqrt(layout.queryDim()),
        bias,
        0);
  }
}
