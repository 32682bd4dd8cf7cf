package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The trained models that ship say what transformers says of them.
final class BundledModelsTest {
  @ParameterizedTest
  @ValueSource(strings = {"tiny-gqa", "tiny-mla-moe"})
  void saysWhatTransformersSays(String name, @TempDir Path scratch) throws IOException {
    JsonNode golden = golden().path(name);
    Path model = scratch.resolve(name);
    Fixtures.write(name, model, 0);
    Path text = Files.writeString(scratch.resolve("heldout.txt"), Fixtures.text("heldout"));
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      int length = golden.path("window_tokens").intValue();
      long tokens = (long) length * golden.path("windows").intValue();
      TokenWindows windows = TokenWindows.read(checkpoint, text, length, tokens, false);
      assertThat(Arrays.copyOf(windows.windows().getFirst(), 32))
          .containsExactly(integers(golden.path("first_window_ids")));
      assertThat(Surprise.mean(spec, checkpoint, windows.windows()))
          .isEqualTo(golden.path("mean_nll").doubleValue(), within(1e-4));
      for (JsonNode prompt : golden.path("prompts")) {
        int[] expected = integers(prompt.path("greedy"));
        assertThat(greedy(spec, checkpoint, integers(prompt.path("ids")), expected.length))
            .containsExactly(expected);
      }
    }
  }

  private static JsonNode golden() throws IOException {
    try (InputStream json = BundledModelsTest.class.getResourceAsStream("/models/golden.json")) {
      return JsonMapper.builder().build().readTree(json);
    }
  }

  private static int[] greedy(ModelSpec spec, Checkpoint weights, int[] prompt, int count) {
    var decoder = new Decoder(new Transformer(spec, weights));
    float[] logits = new float[0];
    for (int token : prompt) {
      logits = decoder.step(token);
    }
    int[] continuation = new int[count];
    for (int i = 0; i < count; i++) {
      float[] last = logits;
      continuation[i] =
          IntStream.range(0, last.length).reduce(0, (best, t) -> last[t] > last[best] ? t : best);
      logits = decoder.step(continuation[i]);
    }
    return continuation;
  }

  private static int[] integers(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).intValue()).toArray();
  }
}
