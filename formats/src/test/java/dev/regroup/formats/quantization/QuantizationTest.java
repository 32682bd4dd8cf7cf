package dev.regroup.formats.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

final class QuantizationTest {
  @Test
  void readsWhatDeepSeekWrites() {
    Quantization found =
        read(
            """
            {"quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3",
             "quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [128, 64]}}
            """);
    assertThat(found.grain()).isEqualTo(new Grain.Blocks(128, 64));
    assertThat(found.powersOfTwo()).isTrue();
    assertThat(found.staticActivations()).isFalse();
  }

  @Test
  void readsWhatAutoFp8Writes() {
    Quantization found =
        read(
            """
            {"quantization_config": {"activation_scheme": "static", "quant_method": "fp8",
             "ignored_layers": ["lm_head"]}}
            """);
    assertThat(found.grain()).isEqualTo(new Grain.PerTensor());
    assertThat(found.staticActivations()).isTrue();
    assertThat(found.ignored()).containsExactly("lm_head");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"strategy\": \"tensor\" | PerTensor[]",
        "\"strategy\": \"channel\" | PerChannel[]",
        "\"strategy\": \"block\", \"block_structure\": [128, 128] | Blocks[rows=128, columns=128]"
      })
  void readsWhatCompressedTensorsWrites(String strategy, String grain) {
    Quantization found =
        read(
            """
            {"compression_config": {"quant_method": "compressed-tensors", "ignore": ["lm_head"],
             "format": "float-quantized", "kv_cache_scheme": null, "config_groups": {"group_0": {
             "input_activations": {"num_bits": 8, "dynamic": false, "type": "float"},
             "weights": {"num_bits": 8, "type": "float", "symmetric": true, %s}}}}}
            """
                .formatted(strategy));
    assertThat(found.grain()).hasToString(grain);
    assertThat(found.staticActivations()).isTrue();
    assertThat(found.ignored()).containsExactly("lm_head");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"quant_method\": \"gptq\" | expected \"fp8\" or \"compressed-tensors\"",
        "\"quant_method\": \"fbgemm_fp8\" | expected \"fp8\" or \"compressed-tensors\"",
        "\"quant_method\": \"modelopt\" | expected \"fp8\" or \"compressed-tensors\"",
        "\"quant_method\": \"fp8\", \"fmt\": \"e5m2\" | expected \"e4m3\"",
        "\"quant_method\": \"fp8\", \"activation_scheme\": \"odd\" | expected \"static\" or",
        "\"quant_method\": \"fp8\", \"kv_cache_scheme\": \"static\" | do not fit another layout",
        "\"quant_method\": \"compressed-tensors\", \"format\": \"pack-quantized\" |"
            + " float-quantized",
        "\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"a\": {}, \"b\": {}}"
            + " | expected one group, found 2",
        "\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"a\": {\"weights\":"
            + " {\"num_bits\": 4, \"type\": \"int\"}}} | expected symmetric floats of 8 bits",
        "\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"a\": {\"weights\":"
            + " {\"num_bits\": 8, \"type\": \"float\", \"strategy\": \"group\"}}} | found \"group\""
      })
  void refusesOtherKindsInOneLine(String section, String message) {
    assertThatThrownBy(() -> read("{\"quantization_config\": {" + section + "}}"))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining(message)
        .hasMessageStartingWith("config.json: \"quantization_config.")
        .hasMessageNotContaining("\n");
  }

  @Test
  void addsIgnoredModulesForEveryReader() {
    ObjectNode config =
        parse(
            "{\"quantization_config\": {\"quant_method\": \"fp8\","
                + " \"ignored_layers\": [\"lm_head\"], \"modules_to_not_convert\": [\"gate\"]}}");
    IgnoredModules.add(config, List.of("a.b", "lm_head"));
    assertThat(config.at("/quantization_config/ignored_layers").toString())
        .isEqualTo("[\"lm_head\",\"gate\",\"a.b\"]");
    assertThat(config.at("/quantization_config/modules_to_not_convert").toString())
        .isEqualTo("[\"lm_head\",\"gate\",\"a.b\"]");
  }

  @Test
  void addsIgnoredModulesWhereCompressedTensorsLooks() {
    ObjectNode config =
        parse(
            "{\"quantization_config\": {\"quant_method\":"
                + " \"compressed-tensors\", \"ignore\": [\"lm_head\"]}}");
    IgnoredModules.add(config, List.of("a.b"));
    assertThat(config.at("/quantization_config/ignore").toString())
        .isEqualTo("[\"lm_head\",\"a.b\"]");
    assertThat(config.at("/quantization_config/ignored_layers").isMissingNode()).isTrue();
  }

  @Test
  void leavesConfigsAloneThatSayNothingOfQuantisation() {
    ObjectNode config = parse("{\"hidden_size\": 4}");
    IgnoredModules.add(config, List.of("a.b"));
    assertThat(config.toString()).isEqualTo("{\"hidden_size\":4}");
  }

  private static Quantization read(String config) {
    return Quantization.read(ModelConfig.of(Path.of("config.json"), parse(config))).orElseThrow();
  }

  private static ObjectNode parse(String json) {
    return (ObjectNode) new JsonMapper().readTree(json);
  }
}
