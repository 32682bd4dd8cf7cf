package dev.regroup.formats.architecture;

import static dev.regroup.formats.architecture.Configs.deepseekV2;
import static dev.regroup.formats.architecture.Configs.deepseekV3;
import static dev.regroup.formats.architecture.Configs.describe;
import static dev.regroup.formats.architecture.Configs.llama;
import static dev.regroup.formats.architecture.Configs.llamaAs;
import static dev.regroup.formats.architecture.Configs.with;
import static dev.regroup.formats.architecture.Configs.without;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

final class ArchitecturesTest {
  private static final String LAYER_TYPES =
      "{\"use_sliding_window\": true, \"sliding_window\": 32, \"layer_types\":"
          + " [\"full_attention\", \"sliding_attention\", \"full_attention\"]}";

  @Test
  void describesLlama() {
    ModelSpec spec = describe(llama());
    AttentionSpec attention = attention(spec, 2);
    assertThat(spec.architecture()).isEqualTo("llama");
    assertThat(spec.layers()).hasSize(3);
    assertThat(spec.normEpsilon()).isEqualTo(1e-5);
    assertThat(attention.layout()).isEqualTo(new Gqa(8, 4, 8));
    assertThat(attention.query()).isEqualTo(new QueryPath.Direct(false, false));
    assertThat(attention.state()).isEqualTo(new StatePath.KeyValue(false, false));
    assertThat(attention.softmaxScale()).isEqualTo(1 / Math.sqrt(8));
    assertThat(attention.outputBias()).isFalse();
  }

  @Test
  void readsLlamasBiasesAndItsHeadDim() {
    ObjectNode root =
        with(llama(), "{\"attention_bias\": true, \"mlp_bias\": true, \"head_dim\": 16}");
    AttentionSpec attention = attention(describe(root), 0);
    assertThat(attention.layout()).isEqualTo(new Gqa(8, 4, 16));
    assertThat(attention.query()).isEqualTo(new QueryPath.Direct(true, false));
    assertThat(attention.state()).isEqualTo(new StatePath.KeyValue(true, false));
    assertThat(attention.outputBias()).isTrue();
    assertThat(describe(root).layers().getFirst().feedForward())
        .isEqualTo(new FeedForward.Dense(96, true));
  }

  @Test
  void takesAsManyKvHeadsAsQueryHeadsWhereNoneAreStated() {
    assertThat(attention(describe(without(llama(), "num_key_value_heads")), 0).layout())
        .isEqualTo(new Gqa(8, 8, 8));
    assertThat(attention(describe(with(llama(), "{\"num_key_value_heads\": null}")), 0).layout())
        .isEqualTo(new Gqa(8, 8, 8));
  }

  @Test
  void takesTheFamilyFromModelTypeWhereNoClassIsNamed() {
    assertThat(describe(without(llama(), "architectures")).architecture()).isEqualTo("llama");
    assertThat(describe(with(llama(), "{\"architectures\": []}")).architecture())
        .isEqualTo("llama");
  }

  @ParameterizedTest
  @CsvSource({"'{\"sliding_window\": 16}', 16", "'{\"sliding_window\": null}', 0", "'{}', 4096"})
  void readsMistralsWindow(String fields, int window) {
    ObjectNode root = with(llamaAs("mistral", "MistralForCausalLM"), fields);
    assertThat(attention(describe(root), 2).window()).isEqualTo(window);
  }

  @Test
  void putsBiasesOnQwen2sQueriesKeysAndValuesOnly() {
    AttentionSpec attention = attention(describe(llamaAs("qwen2", "Qwen2ForCausalLM")), 0);
    assertThat(attention.query()).isEqualTo(new QueryPath.Direct(true, false));
    assertThat(attention.state()).isEqualTo(new StatePath.KeyValue(true, false));
    assertThat(attention.outputBias()).isFalse();
  }

  @Test
  void givesQwen2sUpperLayersAWindow() {
    String fields =
        "{\"use_sliding_window\": true, \"sliding_window\": 32, \"max_window_layers\": 1}";
    assertThat(windows(with(llamaAs("qwen2", "Qwen2ForCausalLM"), fields)))
        .containsExactly(0, 32, 32);
    assertThat(windows(with(llamaAs("qwen2", "Qwen2ForCausalLM"), LAYER_TYPES)))
        .containsExactly(0, 32, 0);
  }

  @Test
  void passesOverAWindowThatIsNotUsed() {
    String fields =
        "{\"use_sliding_window\": false, \"sliding_window\": 32, \"max_window_layers\": 1}";
    assertThat(windows(with(llamaAs("qwen2", "Qwen2ForCausalLM"), fields)))
        .containsExactly(0, 0, 0);
    String none = "{\"use_sliding_window\": true, \"sliding_window\": null}";
    assertThat(windows(with(llamaAs("qwen2", "Qwen2ForCausalLM"), none))).containsExactly(0, 0, 0);
  }

  @Test
  void normsQwen3sHeadsAndTakesTheirWidthFromTheConfig() {
    ObjectNode root = llamaAs("qwen3", "Qwen3ForCausalLM");
    assertThat(attention(describe(root), 0).layout()).isEqualTo(new Gqa(8, 4, 128));
    AttentionSpec attention = attention(describe(with(root, "{\"head_dim\": 32}")), 0);
    assertThat(attention.layout()).isEqualTo(new Gqa(8, 4, 32));
    assertThat(attention.query()).isEqualTo(new QueryPath.Direct(false, true));
    assertThat(attention.state()).isEqualTo(new StatePath.KeyValue(false, true));
  }

  @Test
  void describesDeepseekV2() {
    ModelSpec spec = describe(with(deepseekV2(), "{\"rms_norm_eps\": 1e-05}"));
    AttentionSpec attention = attention(spec, 0);
    assertThat(attention.layout()).isEqualTo(new Gla(4, 1, 32, 16, 8, 12));
    assertThat(attention.query()).isEqualTo(new QueryPath.LowRank(24, false));
    assertThat(attention.state()).isEqualTo(new StatePath.Latent(32, true, false, false));
    assertThat(attention.rope().interleaved()).isTrue();
    assertThat(attention.softmaxScale()).isEqualTo(1 / Math.sqrt(24));
    assertThat(spec.normEpsilon()).isEqualTo(1e-5);
    assertThat(spec.layers().get(0).feedForward()).isEqualTo(new FeedForward.Dense(96, false));
    assertThat(spec.layers().get(1).feedForward())
        .isEqualTo(
            new FeedForward.Mixture(8, 16, 1, new Routing(2, 4, 2, false, false, false, 16.0)));
  }

  @Test
  void describesDeepseekV2Lite() {
    String lite =
        "{\"topk_method\": \"greedy\", \"q_lora_rank\": null, \"n_shared_experts\": null}";
    ModelSpec spec = describe(with(deepseekV2(), lite));
    assertThat(attention(spec, 0).query()).isEqualTo(new QueryPath.Direct(false, false));
    assertThat(spec.layers().get(1).feedForward())
        .isEqualTo(
            new FeedForward.Mixture(8, 16, 0, new Routing(2, 1, 1, false, false, false, 16.0)));
  }

  @Test
  void describesDeepseekV3() {
    ModelSpec spec = describe(with(deepseekV3(), "{\"num_nextn_predict_layers\": 1}"));
    assertThat(spec.extraLayers()).isEqualTo(1);
    assertThat(attention(spec, 0).rope().interleaved()).isTrue();
    assertThat(spec.layers().get(1).feedForward())
        .isEqualTo(new FeedForward.Mixture(8, 16, 1, new Routing(2, 4, 2, true, true, true, 2.5)));
  }

  @Test
  void readsDeepseekV3sVariants() {
    String variant =
        "{\"rope_interleave\": false, \"attention_bias\": true, \"n_group\": null,"
            + " \"topk_group\": null, \"moe_layer_freq\": 2}";
    ModelSpec spec = describe(with(deepseekV3(), variant));
    AttentionSpec attention = attention(spec, 0);
    assertThat(attention.rope().interleaved()).isFalse();
    assertThat(attention.query()).isEqualTo(new QueryPath.LowRank(24, true));
    assertThat(attention.state()).isEqualTo(new StatePath.Latent(32, true, false, true));
    assertThat(attention.outputBias()).isTrue();
    assertThat(spec.layers().get(1).feedForward()).isInstanceOf(FeedForward.Dense.class);
    assertThat(spec.layers().get(2).feedForward())
        .isEqualTo(new FeedForward.Mixture(8, 16, 1, new Routing(2, 1, 1, true, true, true, 2.5)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"architectures\": [\"FooForCausalLM\"]} | architecture \"FooForCausalLM\" is not known;"
            + " known are LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM,"
            + " Qwen3ForCausalLM, DeepseekV2ForCausalLM, DeepseekV3ForCausalLM,"
            + " RegroupForCausalLM",
        "{\"architectures\": null, \"model_type\": \"foo\"} | model type \"foo\" is not known;"
            + " known are llama, mistral, qwen2, qwen3, deepseek_v2, deepseek_v3, regroup",
        "{\"hidden_act\": \"gelu\"} | \"hidden_act\": expected \"silu\", found \"gelu\"",
        "{\"quantization_config\": {\"quant_method\": \"awq\"}} | expected \"fp8\" or"
            + " \"compressed-tensors\", found \"awq\""
      })
  void refusesInOneLine(String fields, String message) {
    assertThatThrownBy(() -> describe(with(llama(), fields)))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageStartingWith("config.json: ")
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"norm_topk_prob\": true} | norm_topk_prob",
        "{\"topk_method\": \"noaux_tc\"} | \"topk_method\": expected greedy or"
            + " group_limited_greedy",
        "{\"scoring_func\": \"sigmoid\"} | \"scoring_func\": expected \"softmax\"",
        "{\"mlp_bias\": true} | mlp_bias"
      })
  void refusesWhatDeepseekV2MeansInTwoWays(String fields, String message) {
    assertThatThrownBy(() -> describe(with(deepseekV2(), fields)))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"num_key_value_heads\": 3} | \"num_key_value_heads\": expected a divisor of"
            + " \"num_attention_heads\" = 8, found 3",
        "{\"num_attention_heads\": 6, \"num_key_value_heads\": 6} | \"hidden_size\": expected a"
            + " multiple of \"num_attention_heads\" = 6",
        "{\"head_dim\": 7} | \"head_dim\": expected an even number",
        "{\"hidden_size\": 0} | \"hidden_size\": expected at least 1, found 0",
        "{\"architectures\": null, \"model_type\": null} | \"architectures\": expected the name of"
            + " a model class, found none",
        "{\"model_type\": \"qwen2\"} | \"model_type\": expected \"llama\", as \"architectures\""
            + " says LlamaForCausalLM, found \"qwen2\""
      })
  void namesTheKeyThatIsWrong(String fields, String message) {
    assertThatThrownBy(() -> describe(with(llama(), fields)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith("config.json: ")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"n_group\": 3} | \"n_group\": expected a divisor of \"n_routed_experts\" = 8, found 3",
        "{\"topk_group\": 5} | \"topk_group\": expected 1 to \"n_group\" = 4, found 5",
        "{\"num_experts_per_tok\": 5} | \"num_experts_per_tok\": expected at most 4",
        "{\"qk_rope_head_dim\": 7} | \"qk_rope_head_dim\": expected an even number",
        "{\"kv_lora_rank\": null} | \"kv_lora_rank\": expected an integer"
      })
  void namesTheRoutingKeyThatIsWrong(String fields, String message) {
    assertThatThrownBy(() -> describe(with(deepseekV3(), fields)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"layer_types\": [\"full_attention\"]} | expected 3, as \"num_hidden_layers\" says",
        "{\"use_sliding_window\": false} | \"use_sliding_window\" or \"sliding_window\" is not set",
        "{\"sliding_window\": null} | \"use_sliding_window\" or \"sliding_window\" is not set",
        "{\"sliding_window\": 0} | \"sliding_window\": expected at least 1 token",
        "{\"layer_types\": [\"full_attention\", \"linear_attention\", \"full_attention\"]} | found"
            + " \"linear_attention\""
      })
  void refusesLayerTypesThatDoNotFit(String fields, String message) {
    ObjectNode root = with(llamaAs("qwen2", "Qwen2ForCausalLM"), LAYER_TYPES);
    assertThatThrownBy(() -> describe(with(root, fields))).hasMessageContaining(message);
  }

  private static AttentionSpec attention(ModelSpec spec, int layer) {
    return spec.layers().get(layer).attention();
  }

  private static List<Integer> windows(ObjectNode root) {
    return describe(root).layers().stream().map(layer -> layer.attention().window()).toList();
  }
}
