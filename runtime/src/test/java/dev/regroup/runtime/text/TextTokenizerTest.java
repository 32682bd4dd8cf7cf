package dev.regroup.runtime.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.SharedFolder;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class TextTokenizerTest {
  @Test
  void decodesWhatItEncodedFromManyThreads() {
    Path model = SharedFolder.require("checkpoints/llama-gqa");
    try (TextTokenizer tokenizer = TextTokenizer.open(model)) {
      String text = "def f(x):\n    return x  # naïve, 日本\n";
      int[] tokens = tokenizer.encode(text);
      assertThat(tokens.length).isGreaterThan(10);
      assertThat(tokenizer.decode(tokens)).isEqualTo(text);
      int[][] all = new int[64][];
      Parallel.forEach(all.length, i -> all[i] = tokenizer.encode(text));
      for (int[] one : all) {
        assertThat(one).containsExactly(tokens);
      }
    }
  }

  @Test
  void addsNoSpecialTokens() {
    Path model = SharedFolder.require("checkpoints/stories15m");
    try (TextTokenizer tokenizer = TextTokenizer.open(model)) {
      assertThat(tokenizer.encode("One day").length).isLessThanOrEqualTo(2);
      assertThat(tokenizer.encode("One day")).doesNotContain(1, 2);
    }
  }
}
