package dev.regroup.runtime.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.model.Transformer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class BatchDecoderTest {
  private static final int SEQUENCES = 3;
  private static final int STEPS = 70; // past a page

  @ParameterizedTest
  @ValueSource(strings = {"llama-yarn", "mistral", "qwen3", "deepseek-v2", "deepseek-v3"})
  void saysOfEachSequenceWhatTheDecoderSays(String name) {
    try (Checkpoint checkpoint = Witnesses.open(name)) {
      var model = new Transformer(Checkpoints.describe(checkpoint), checkpoint);
      var batch = new BatchDecoder(model, SEQUENCES);
      Decoder[] alone = new Decoder[SEQUENCES];
      Arrays.setAll(alone, _ -> new Decoder(model));
      var random = new Random(4);
      int vocabulary = model.spec().vocabularySize();
      for (int step = 0; step < STEPS; step++) {
        int[] tokens = random.ints(SEQUENCES, 0, vocabulary).toArray();
        float[] logits = batch.step(tokens);
        for (int s = 0; s < SEQUENCES; s++) {
          assertThat(Arrays.copyOfRange(logits, s * vocabulary, (s + 1) * vocabulary))
              .as("sequence %d at %d", s, step)
              .containsExactly(alone[s].step(tokens[s]), within(1e-4f));
        }
      }
    }
  }

  @Test
  void startsOverAfterAReset() {
    try (Checkpoint checkpoint = Witnesses.open("llama")) {
      var model = new Transformer(Checkpoints.describe(checkpoint), checkpoint);
      var batch = new BatchDecoder(model, 2);
      float[] first = batch.step(new int[] {1, 2});
      batch.step(new int[] {3, 4});
      batch.reset();
      assertThat(batch.step(new int[] {1, 2})).containsExactly(first);
    }
  }

  @Test
  void wantsATokenForEverySequence() {
    try (Checkpoint checkpoint = Witnesses.open("llama")) {
      var batch =
          new BatchDecoder(new Transformer(Checkpoints.describe(checkpoint), checkpoint), 2);
      assertThatThrownBy(() -> batch.step(new int[] {1}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("expected a token for each of 2 sequences, found 1");
    }
  }
}
