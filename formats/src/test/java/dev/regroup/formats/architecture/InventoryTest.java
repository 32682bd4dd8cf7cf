package dev.regroup.formats.architecture;

import static dev.regroup.formats.architecture.Configs.deepseekV3;
import static dev.regroup.formats.architecture.Configs.llama;
import static dev.regroup.formats.architecture.Configs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.SharedFiles;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class InventoryTest {
  private static final String Q_PROJ = "model.layers.1.self_attn.q_proj.weight";

  @Test
  void acceptsWhatTheConfigAsksFor() {
    HeadersOnly checkpoint = HeadersOnly.of(llama());
    ModelSpec spec = Checkpoints.describe(checkpoint);
    assertThat(spec).isEqualTo(Configs.describe(llama()));
    assertThat(Checkpoints.remarks(spec, checkpoint)).containsExactly("a warning");
  }

  @Test
  void namesATensorOfAnotherShape() {
    assertThatThrownBy(
            () -> Checkpoints.describe(HeadersOnly.of(llama()).put(Q_PROJ, Shape.of(32, 64))))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(
            "model.safetensors: tensor \"model.layers.1.self_attn.q_proj.weight\": expected"
                + " [64, 64], found [32, 64] -> config.json and this file do not belong together");
  }

  @Test
  void namesFiveOfManyAndCountsTheRest() {
    HeadersOnly checkpoint = HeadersOnly.of(llama());
    checkpoint.tensors().keySet().removeIf(name -> name.contains("layers.2"));
    assertThatThrownBy(() -> Checkpoints.describe(checkpoint))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(
            "model: tensor \"model.layers.2.input_layernorm.weight\": expected [64], found none"
                + " (and so 8 more: \"model.layers.2.self_attn.q_proj.weight\", ")
        .hasMessageContaining("\"model.layers.2.self_attn.o_proj.weight\", ...) -> ")
        .hasMessageNotContaining("mlp");
  }

  @Test
  void saysThatAMissingHeadMayBeTied() {
    assertThatThrownBy(() -> Checkpoints.describe(HeadersOnly.of(llama()).remove(ModelSpec.HEAD)))
        .hasMessageContaining("\"lm_head.weight\": expected [257, 64], found none")
        .hasMessageContaining("\"tie_word_embeddings\" should be true");
  }

  @ParameterizedTest
  @CsvSource({
    "model.layers.3.input_layernorm.weight",
    "model.layers.30.input_layernorm.weight",
    "model.layers.x.input_layernorm.weight",
    "model.layers.0.self_attn.q_proj.bias",
    "extra",
    "model.layers."
  })
  void refusesATensorTheArchitectureHasNot(String name) {
    assertThatThrownBy(() -> Checkpoints.describe(HeadersOnly.of(llama()).put(name, Shape.of(64))))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(
            "\"" + name + "\": expected none of this name, as architecture llama has none");
  }

  @ParameterizedTest
  @EnumSource(names = {"I32", "BOOL", "F8_E8M0", "F4"})
  void refusesWeightsThatAreNotFloats(Dtype dtype) {
    assertThatThrownBy(
            () ->
                Checkpoints.describe(HeadersOnly.of(llama()).put(Q_PROJ, dtype, Shape.of(64, 64))))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("expected F32, BF16, F16 or F64, found " + dtype);
  }

  @Test
  void allowsRotaryTablesOfOldFilesOfAnyDtype() {
    HeadersOnly checkpoint = HeadersOnly.of(llama());
    checkpoint.put("model.layers.0.self_attn.rotary_emb.inv_freq", Dtype.F32, Shape.of(4));
    assertThat(Checkpoints.describe(checkpoint)).isEqualTo(Configs.describe(llama()));
  }

  @Test
  void allowsLayersForMultiTokenPredictionOnlyWhereTheConfigExplainsThem() {
    String name = "model.layers.3.eh_proj.weight";
    HeadersOnly without = HeadersOnly.of(deepseekV3()).put(name, Shape.of(64, 128));
    assertThatThrownBy(() -> Checkpoints.describe(without)).hasMessageContaining(name);
    var root = with(deepseekV3(), "{\"num_nextn_predict_layers\": 1}");
    HeadersOnly explained = HeadersOnly.of(root).put(name, Shape.of(64, 128));
    assertThat(Checkpoints.describe(explained).extraLayers()).isEqualTo(1);
    assertThatThrownBy(
            () ->
                Checkpoints.describe(
                    explained.put("model.layers.4.eh_proj.weight", Shape.of(64, 128))))
        .hasMessageContaining("model.layers.4.eh_proj.weight");
  }

  @Test
  void remarksOnAHeadStoredThoughItIsTied() {
    HeadersOnly checkpoint =
        HeadersOnly.of(with(llama(), "{\"tie_word_embeddings\": true}"))
            .put(ModelSpec.HEAD, Shape.of(257, 64));
    ModelSpec spec = Checkpoints.describe(checkpoint);
    assertThat(spec.tiedEmbeddings()).isTrue();
    assertThat(Checkpoints.remarks(spec, checkpoint))
        .contains(
            "model.safetensors: tensor \"lm_head.weight\" is stored though"
                + " \"tie_word_embeddings\" is set; \"model.embed_tokens.weight\" is used");
  }

  @ParameterizedTest
  @CsvSource({
    "dsv2-mla, deepseek_v2, 5, 72",
    "llama-gqa, llama, 6, 256",
    "llama-mha, llama, 6, 512",
    "stories15m, llama, 6, 576",
    "tinystories-656k, llama, 2, 128"
  })
  void describesTrainedCheckpoints(String name, String architecture, int layers, int elements) {
    try (Checkpoint checkpoint = Checkpoints.open(SharedFiles.require("checkpoints/" + name))) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      assertThat(spec.architecture()).isEqualTo(architecture);
      assertThat(spec.layers()).hasSize(layers);
      assertThat(spec.cacheElements()).isEqualTo((long) layers * elements);
    }
  }
}
