package dev.regroup.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.decode.ScalarDecodeKernel;
import dev.regroup.runtime.model.Operations;
import dev.regroup.runtime.model.Transformer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Tiny random models of every architecture must say what transformers says of them; `make.py`
/// beside them made both, once.
final class WitnessTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama",
        "llama-yarn",
        "mistral",
        "qwen2",
        "qwen3",
        "deepseek-v2",
        "deepseek-v2-lite",
        "deepseek-v3"
      })
  void saysWhatTransformersSays(String name) throws URISyntaxException {
    Path folder =
        Path.of(Objects.requireNonNull(getClass().getResource("/witness/" + name)).toURI());
    JsonNode golden = new JsonMapper().readTree(folder.resolve("golden.json").toFile());
    int[] tokens = new int[golden.path("tokens").size()];
    Arrays.setAll(tokens, i -> golden.path("tokens").get(i).intValue());
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      var spec = Checkpoints.describe(checkpoint);
      var slow = new Transformer(spec, checkpoint, Operations.scalar());
      var fast = new Transformer(spec, checkpoint, Operations.fast());
      assertLogits(slow.logits(tokens), golden);
      assertLogits(fast.logits(tokens), golden);
      assertLogits(decode(new Decoder(slow, new ScalarDecodeKernel()), tokens), golden);
      assertLogits(decode(new Decoder(fast), tokens), golden);
    }
  }

  private static float[] decode(Decoder decoder, int[] tokens) {
    float[] all = new float[0];
    for (int token : tokens) {
      float[] logits = decoder.step(token);
      all = Arrays.copyOf(all, all.length + logits.length);
      System.arraycopy(logits, 0, all, all.length - logits.length, logits.length);
    }
    return all;
  }

  private static void assertLogits(float[] logits, JsonNode golden) {
    JsonNode expected = golden.path("logits");
    int vocabulary = logits.length / expected.size();
    for (int t = 0; t < expected.size(); t++) {
      for (int v = 0; v < vocabulary; v++) {
        assertThat((double) logits[t * vocabulary + v])
            .as("token %d, logit %d", t, v)
            .isEqualTo(expected.get(t).get(v).doubleValue(), within(1e-4));
      }
    }
  }
}
