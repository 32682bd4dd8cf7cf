package dev.regroup.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.CausalTile;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Operations;
import dev.regroup.runtime.model.OutputHead;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Trained checkpoints must say what transformers says of them (`golden.json` names the version).
final class GoldenTest {
  @ParameterizedTest
  @ValueSource(strings = {"tinystories-656k", "llama-gqa", "llama-mha", "dsv2-mla", "stories15m"})
  void saysWhatTransformersSays(String name) {
    JsonNode golden =
        JsonMapper.builder()
            .build()
            .readTree(SharedFolder.require("checkpoints/golden.json").toFile())
            .path(name);
    try (Checkpoint checkpoint =
        Checkpoints.open(SharedFolder.require("checkpoints").resolve(name))) {
      var model = new Transformer(Checkpoints.describe(checkpoint), checkpoint);
      int length = golden.path("window_tokens").intValue();
      int count = golden.path("windows").intValue();
      TokenWindows text =
          TokenWindows.read(
              checkpoint,
              SharedFolder.require("text/" + golden.path("text").stringValue()),
              length,
              (long) count * length,
              false);
      assertThat(text.windows()).hasSize(count);
      int[] first = text.windows().getFirst();
      assertThat(Arrays.copyOf(first, 32))
          .containsExactly(integers(golden.path("first_window_ids")));
      assertThat(meanNegativeLogLikelihood(model, text.windows()))
          .isEqualTo(golden.path("mean_nll").doubleValue(), within(1e-4));
      assertLogits(model, Arrays.copyOf(first, 64), golden);
      assertThat(greedy(model, Arrays.copyOf(first, 32)))
          .containsExactly(integers(golden.path("greedy_continuation_of_first_32_tokens")));
    }
  }

  private static int[] integers(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).intValue()).toArray();
  }

  private static void assertLogits(Transformer model, int[] tokens, JsonNode golden) {
    int vocabulary = model.spec().vocabularySize();
    float[] logits = model.logits(tokens);
    float[] last = Arrays.copyOfRange(logits, logits.length - vocabulary, logits.length);
    List<Integer> best =
        IntStream.range(0, vocabulary)
            .boxed()
            .sorted((a, b) -> Float.compare(last[b], last[a]))
            .limit(8)
            .toList();
    JsonNode expected = golden.path("last_logits_of_first_64_tokens_top8");
    for (int i = 0; i < 8; i++) {
      assertThat(best.get(i)).isEqualTo(expected.get(i).get(0).intValue());
      assertThat((double) last[best.get(i)])
          .isEqualTo(expected.get(i).get(1).doubleValue(), within(1e-3));
    }
  }

  private static int[] greedy(Transformer model, int[] prompt) {
    var decoder = new Decoder(model);
    float[] logits = new float[0];
    for (int token : prompt) {
      logits = decoder.step(token);
    }
    int[] continuation = new int[32];
    for (int i = 0; i < continuation.length; i++) {
      continuation[i] = largest(logits);
      logits = decoder.step(continuation[i]);
    }
    assertThat(decoder.tokens()).isEqualTo(64);
    assertThat(decoder.allocatedBytesPerToken(2)).isEqualTo(2.0 * model.spec().cacheElements());
    return continuation;
  }

  private static int largest(float[] logits) {
    int largest = 0;
    for (int i = 1; i < logits.length; i++) {
      largest = logits[i] > logits[largest] ? i : largest;
    }
    return largest;
  }

  /// Of every token but the first of each window, in nats.
  private static double meanNegativeLogLikelihood(Transformer model, List<int[]> windows) {
    float[][] hidden = new float[windows.size()][];
    var embedding = model.embedding();
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = embedding.embed(windows.get(i));
    }
    for (int l = 0; l < model.spec().layers().size(); l++) {
      DecoderLayer layer = model.layer(l);
      Parallel.forEach(
          hidden.length, i -> hidden[i] = layer.forward(hidden[i], windows.get(i).length));
    }
    OutputHead head = model.head();
    double[] sums = new double[hidden.length];
    Parallel.forEach(
        hidden.length, i -> sums[i] = negativeLogLikelihood(head, hidden[i], windows.get(i)));
    return Arrays.stream(sums).sum() / windows.stream().mapToInt(w -> w.length - 1).sum();
  }

  private static double negativeLogLikelihood(OutputHead head, float[] hidden, int[] window) {
    double sum = 0;
    for (int first = 0; first < window.length - 1; first += 64) {
      int count = Math.min(64, window.length - 1 - first);
      float[] logits = head.logits(hidden, first, count);
      int vocabulary = logits.length / count;
      for (int i = 0; i < count; i++) {
        // one row whose "token" sees the whole vocabulary: a plain softmax, by vectors
        Operations.fast()
            .causalSoftmax(
                new FloatBlock(logits, i * vocabulary, 1, vocabulary, vocabulary),
                new CausalTile(vocabulary - 1, 0, 0));
        sum -= Math.log(logits[i * vocabulary + window[first + i + 1]]);
      }
    }
    return sum;
  }
}
