package dev.regroup.formats.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Rotary parameters in every spelling, against what transformers makes of them
/// (`src/test/python/rope_scaling.py`).
final class RopeParametersTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TestFactory
  Stream<DynamicTest> agreesWithTransformers() throws Exception {
    try (InputStream in = RopeParametersTest.class.getResourceAsStream("rope_scaling.json")) {
      List<JsonNode> cases = JSON.readTree(in).valueStream().toList();
      assertThat(cases).hasSizeGreaterThan(25);
      return cases.stream()
          .map(each -> DynamicTest.dynamicTest(each.get("name").stringValue(), () -> agree(each)));
    }
  }

  private static void agree(JsonNode expected) {
    var config = ModelConfig.of(Path.of("config.json"), (ObjectNode) expected.get("config"));
    var attention = Architectures.describe(config).layers().getFirst().attention();
    double[] wanted =
        expected
            .get("inverse_frequencies")
            .valueStream()
            .mapToDouble(JsonNode::doubleValue)
            .toArray();
    double[] found = attention.rope().frequencies();
    assertThat(found).hasSameSizeAs(wanted);
    for (int l = 0; l < wanted.length; l++) {
      // float32 powers there, float64 here: some ulps of float32
      assertThat(found[l]).as("pair %d", l).isCloseTo(wanted[l], within(1e-6 * wanted[l]));
    }
    assertThat(attention.rope().attentionFactor())
        .isCloseTo(expected.get("attention_factor").doubleValue(), within(1e-12));
    assertThat(attention.softmaxScale())
        .isCloseTo(expected.get("softmax_scale").doubleValue(), within(1e-12));
  }

  @Test
  void namesTheKeyOfAScalingItDoesNotKnow() {
    assertThatThrownBy(() -> read("{\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0}}"))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessage(
            "config.json: \"rope_scaling.type\": expected default, linear, llama3 or yarn, found"
                + " \"dynamic\"");
    assertThatThrownBy(() -> read("{\"rope_parameters\": {\"rope_type\": \"longrope\"}}"))
        .hasMessageContaining("\"rope_parameters.rope_type\"");
  }

  @Test
  void refusesHeadsRotatedInPart() {
    assertThatThrownBy(() -> read("{\"partial_rotary_factor\": 0.5}"))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("partial_rotary_factor");
    assertThatThrownBy(() -> read("{\"rope_parameters\": {\"partial_rotary_factor\": 0.5}}"))
        .hasMessageContaining("partial_rotary_factor");
  }

  @Test
  void refusesOneRopePerLayerType() {
    assertThatThrownBy(
            () -> read("{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1.0}}}"))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("per layer type");
  }

  @Test
  void refusesAFactorOfZero() {
    assertThatThrownBy(() -> read("{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}}"))
        .hasMessageContaining("\"rope_scaling.factor\": expected a number above 0");
  }

  private static RopeParameters read(String json) {
    var root = (ObjectNode) JSON.readTree(json);
    return RopeParameters.read(ModelConfig.of(Path.of("config.json"), root), 2048);
  }
}
