package dev.regroup.runtime.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

final class SelfSamplerTest {
  private static final int BOS = 1;

  @Test
  void givesTheSameTextForTheSameSeed() {
    TokenWindows first = sampled(List.of(new int[] {BOS}), OptionalInt.empty(), 5);
    assertThat(sampled(List.of(new int[] {BOS}), OptionalInt.empty(), 5).sha256())
        .isEqualTo(first.sha256());
    assertThat(sampled(List.of(new int[] {BOS}), OptionalInt.empty(), 6).sha256())
        .isNotEqualTo(first.sha256());
    assertThat(first.windows().get(0)).isNotEqualTo(first.windows().get(1));
  }

  @Test
  void dealsOutItsBeginnings() {
    List<int[]> windows =
        sampled(List.of(new int[] {BOS}, new int[] {BOS, 7, 9}), OptionalInt.empty(), 5).windows();
    assertThat(windows).hasSize(6);
    for (int w = 0; w < windows.size(); w++) {
      assertThat(windows.get(w)).hasSize(40).startsWith(BOS);
      if (w % 2 == 1) {
        assertThat(windows.get(w)).startsWith(BOS, 7, 9);
      }
    }
  }

  @Test
  void beginsANewDocumentWhereOneEnds() {
    List<int[]> open = sampled(List.of(new int[] {BOS}), OptionalInt.empty(), 5).windows();
    int end = open.get(0)[10];
    List<int[]> windows = sampled(List.of(new int[] {BOS}), OptionalInt.of(end), 5).windows();
    int ends = 0;
    for (int[] window : windows) {
      for (int t = 1; t + 1 < window.length; t++) {
        if (window[t] == end) {
          assertThat(window[t + 1]).isEqualTo(BOS);
          ends++;
        }
      }
    }
    assertThat(ends).isPositive();
  }

  /// The mean surprise of samples is the entropy of what they are drawn from.
  @Test
  void drawsAtTemperatureOne() {
    try (Checkpoint checkpoint = Witnesses.open("llama")) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      var model = new Transformer(spec, checkpoint);
      float[] logits = model.logits(new int[] {BOS});
      double total = 0;
      for (float logit : logits) {
        total += Math.exp(logit);
      }
      double entropy = 0;
      double square = 0;
      for (float logit : logits) {
        double surprise = Math.log(total) - logit;
        entropy += Math.exp(-surprise) * surprise;
        square += Math.exp(-surprise) * surprise * surprise;
      }
      int count = 2000;
      double mean = 0;
      for (int[] window :
          new SelfSampler(model, List.of(new int[] {BOS}), OptionalInt.empty(), 3)
              .sample(count, 2, Progress.NONE)
              .windows()) {
        mean += (Math.log(total) - logits[window[1]]) / count;
      }
      double error = Math.sqrt((square - entropy * entropy) / count);
      assertThat(mean).isEqualTo(entropy, within(4 * error));
    }
  }

  @Test
  void drawsEachTokenByItsShare() {
    float[] logits = {99, 0, (float) Math.log(3), Float.NEGATIVE_INFINITY};
    assertThat(SelfSampler.drawn(logits, 1, 3, 0)).isZero();
    assertThat(SelfSampler.drawn(logits, 1, 3, 0.2499)).isZero();
    assertThat(SelfSampler.drawn(logits, 1, 3, 0.2501)).isEqualTo(1);
    assertThat(SelfSampler.drawn(logits, 1, 3, 1)).isEqualTo(1);
  }

  @Test
  void samplesLessFromLargeModels() {
    try (Checkpoint checkpoint = Witnesses.open("llama")) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      assertThat(SelfSampler.affordableTokens(spec, 512, 1 << 16)).isEqualTo(1 << 16);
      ModelSpec large =
          new ModelSpec(spec.architecture(), 1 << 16, 1 << 24, spec.layers(), 1e-6, true, 4096, 0);
      assertThat(SelfSampler.affordableTokens(large, 512, 1 << 16)).isEqualTo(8 * 512);
    }
  }

  private static TokenWindows sampled(List<int[]> beginnings, OptionalInt end, long seed) {
    try (Checkpoint checkpoint = Witnesses.open("llama")) {
      var model = new Transformer(Checkpoints.describe(checkpoint), checkpoint);
      return new SelfSampler(model, beginnings, end, seed).sample(6, 40, Progress.NONE);
    }
  }
}
