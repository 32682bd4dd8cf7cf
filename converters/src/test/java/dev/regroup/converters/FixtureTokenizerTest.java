package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.runtime.text.TextTokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The random fixtures' tokenizer, as Hugging Face's library reads it.
final class FixtureTokenizerTest {
  @Test
  void turnsEachByteIntoItsValuePlusOne(@TempDir Path directory) {
    Fixtures.write("llama-mha", directory, 7);
    String text = "Hello, wörld\n\t\u0001 漢字 ­~";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] expected = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      expected[i] = (bytes[i] & 0xFF) + 1;
    }
    try (TextTokenizer tokenizer = TextTokenizer.open(directory)) {
      assertThat(tokenizer.encode(text)).isEqualTo(expected);
      assertThat(tokenizer.decode(expected)).isEqualTo(text);
    }
  }
}
