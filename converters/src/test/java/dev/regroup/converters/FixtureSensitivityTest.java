package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.Architectures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.Transformer;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The witness would notice: whatever a fixture is there for moves its logits by far more than the
/// tolerance it is held to.
final class FixtureSensitivityTest {
  private static final int TOKENS = 96;
  private static final float NOTICED = 2e-2f;

  @ParameterizedTest
  @ValueSource(strings = {"gta", "gta-from-mla", "gta-encoded", "gla", "gla-from-mla"})
  void runsWhatWeWrite(String name) {
    ModelSpec spec = Fixtures.spec(name);
    int[] tokens = new Random(1).ints(TOKENS, 0, spec.vocabularySize()).toArray();
    float[] logits = new Transformer(spec, Fixtures.tensors(spec, 7)).logits(tokens);
    assertThat(logits).hasSize(TOKENS * spec.vocabularySize()).doesNotContain(Float.NaN);
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        "llama-mha        | {\"rope_theta\": 20000.0}",
        "llama-mha        | {\"rms_norm_eps\": 0.01}",
        "llama-linear     | {\"rope_scaling\": null}",
        "llama-llama3     | {\"rope_scaling\": null}",
        "llama-yarn       | {\"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 8.0,"
            + " \"original_max_position_embeddings\": 64, \"attention_factor\": 1.0}}",
        "llama-yarn       | {\"rope_parameters\": {\"rope_type\": \"default\"}}",
        "mistral          | {\"sliding_window\": 17}",
        "qwen2            | {\"use_sliding_window\": false}",
        "qwen2            | {\"max_window_layers\": 1}",
        "deepseek-v2      | {\"rope_scaling\": null}",
        "deepseek-v2      | {\"topk_method\": \"greedy\"}",
        "deepseek-v2      | {\"routed_scaling_factor\": 15.0}",
        "deepseek-v2-lite | {\"num_experts_per_tok\": 3}",
        "deepseek-v3      | {\"rope_interleave\": false}",
        "deepseek-v3      | {\"norm_topk_prob\": false}",
        "deepseek-v3      | {\"n_group\": 1, \"topk_group\": 1}",
        "deepseek-v3-halves | {\"rope_interleave\": true}"
      })
  void noticesAChange(String name, String change, @TempDir Path directory) {
    Fixtures.write(name, directory, 7);
    Path file = directory.resolve("config.json");
    ObjectNode changed = ModelConfig.read(file).copy();
    ((ObjectNode) new JsonMapper().readTree(change)).forEachEntry(changed::set);
    ModelSpec spec = Architectures.describe(ModelConfig.read(file));
    ModelSpec other = Architectures.describe(ModelConfig.of(file, changed));
    Tensors weights = Fixtures.tensors(spec, 7);
    int[] tokens = new Random(1).ints(TOKENS, 0, spec.vocabularySize()).toArray();
    float[] before = new Transformer(spec, weights).logits(tokens);
    float[] after = new Transformer(other, weights).logits(tokens);
    float most = 0;
    for (int i = 0; i < before.length; i++) {
      most = Math.max(most, Math.abs(before[i] - after[i]));
    }
    assertThat(most).isGreaterThan(NOTICED);
  }
}
