package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.ModelConfig;

/// What Llama, Mistral and Qwen have in common: grouped-query attention over separate `q_proj`,
/// `k_proj` and `v_proj`, all of a head rotated in halves, scaled by d^-1/2.
///
/// @param layout heads and their width
/// @param rope the same in every layer
record GroupedHeads(Gqa layout, Rope rope) {
  /// Reads heads and rope.
  ///
  /// @param kvHeads where `num_key_value_heads` is absent or null; 0 for as many as query heads
  /// @param headDim where `head_dim` is absent or null; 0 for `hidden_size / num_attention_heads`
  static GroupedHeads read(CommonFields common, int kvHeads, int headDim) {
    ModelConfig config = common.config();
    int queryHeads = CommonFields.positive(config, "num_attention_heads");
    int groups = kvHeads(config, queryHeads, kvHeads == 0 ? queryHeads : kvHeads);
    int dim = headDim(common, queryHeads, headDim);
    var rope = RopeParameters.read(config, common.maxPositions()).rope(dim, false);
    return new GroupedHeads(new Gqa(queryHeads, groups, dim), rope);
  }

  /// An attention sublayer.
  ///
  /// @param biases which projections have one
  /// @param headNorms whether queries and keys pass an RMS norm per head
  /// @param window how many tokens a token sees; 0 for all
  AttentionSpec attention(Biases biases, boolean headNorms, int window) {
    boolean inputs = biases != Biases.NONE;
    return new AttentionSpec(
        layout,
        new QueryPath.Direct(inputs, headNorms),
        new StatePath.KeyValue(inputs, headNorms),
        rope,
        1 / Math.sqrt(layout.headDim()),
        biases == Biases.ALL,
        window);
  }

  /// Which of the four projections have a bias.
  enum Biases {
    NONE,
    QUERY_KEY_VALUE,
    ALL;

    /// What `attention_bias` means to Llama and Qwen3.
    static Biases allIf(ModelConfig config) {
      return config.flag("attention_bias", false) ? ALL : NONE;
    }
  }

  private static int kvHeads(ModelConfig config, int queryHeads, int fallback) {
    String key = "num_key_value_heads";
    int groups = config.has(key) ? CommonFields.positive(config, key) : fallback;
    if (queryHeads % groups != 0) {
      throw config.wrong(
          key,
          "expected a divisor of \"num_attention_heads\" = %d, found %d"
              .formatted(queryHeads, groups));
    }
    return groups;
  }

  private static int headDim(CommonFields common, int queryHeads, int fallback) {
    ModelConfig config = common.config();
    if (!config.has("head_dim") && fallback == 0 && common.hiddenSize() % queryHeads != 0) {
      throw config.wrong(
          "hidden_size",
          "expected a multiple of \"num_attention_heads\" = %d, as there is no \"head_dim\", found %d"
              .formatted(queryHeads, common.hiddenSize()));
    }
    int derived = fallback == 0 ? common.hiddenSize() / queryHeads : fallback;
    int dim = config.has("head_dim") ? CommonFields.positive(config, "head_dim") : derived;
    if (dim % 2 != 0) {
      throw config.wrong("head_dim", "expected an even number, as it is rotated, found " + dim);
    }
    return dim;
  }
}
