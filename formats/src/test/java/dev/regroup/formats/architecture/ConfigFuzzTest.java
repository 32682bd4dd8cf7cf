package dev.regroup.formats.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.regroup.formats.Bounds;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.node.ObjectNode;

/// Whatever a config says, it means a model or is refused with one line.
///
/// How to search for more than the seeds: docs/fuzzing.md.
@Timeout(60)
final class ConfigFuzzTest {
  private static final Path FILE = Path.of("fuzzed");

  static Stream<byte[]> seeds() {
    Stream<ObjectNode> configs =
        Stream.of(
            Configs.llama(),
            Configs.with(Configs.llama(), "{\"tie_word_embeddings\": true, \"head_dim\": 16}"),
            Configs.with(
                Configs.llamaAs("qwen2", "Qwen2ForCausalLM"),
                "{\"use_sliding_window\": true, \"sliding_window\": 9, \"max_window_layers\": 1}"),
            Configs.llamaAs("qwen3", "Qwen3ForCausalLM"),
            Configs.llamaAs("mistral", "MistralForCausalLM"),
            Configs.with(
                Configs.llama(),
                """
                {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "mscale": 0.7,
                  "original_max_position_embeddings": 64}, "rope_theta": 5e5}
                """),
            Configs.with(
                Configs.llama(),
                """
                {"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "rope_theta": 1e4,
                  "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                  "original_max_position_embeddings": 64}}
                """),
            Configs.deepseekV2(),
            Configs.deepseekV3());
    return Stream.concat(
            configs.map(ObjectNode::toString),
            Stream.of("{\"eps\": 1e-06, \"x\": [NaN, -Infinity]}"))
        .map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = "10m")
  void configs(byte[] text) {
    Bounds.hold(text.length, () -> check(new String(text, StandardCharsets.UTF_8)));
  }

  private static void check(String text) {
    try {
      ModelConfig config = ModelConfig.parse(FILE, text);
      String rendered = ModelConfig.render(config.copy());
      assertThat(ModelConfig.render(ModelConfig.parse(FILE, rendered).copy())).isEqualTo(rendered);
      ModelSpec spec = Architectures.describe(config);
      assertThat(spec.layers()).isNotEmpty();
      assertThat(spec.cacheElements()).isPositive();
    } catch (CheckpointException | UnsupportedModelException e) {
      assertThat(e.getMessage()).startsWith("fuzzed").doesNotContain("\n").hasSizeLessThan(2000);
    }
  }
}
