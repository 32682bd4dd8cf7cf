package dev.regroup.runtime.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// With a tokenizer of words: `a` is 1, `b` 2, `c` 3, `d` 4, others 0; BOS is 9.
final class TokenWindowsTest {
  private static final String PACKED = "{\"bos_token_id\": 9, \"eos_token_id\": [8, 9]}";
  private static final String EACH_WINDOW =
      "{\"bos_token_id\": 9, \"eos_token_id\": 8, \"vocab_size\": 10}";

  @TempDir Path folder;

  private Checkpoint model(String config) {
    try {
      byte[] header =
          "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
              .getBytes(StandardCharsets.UTF_8);
      ByteBuffer file = ByteBuffer.allocate(8 + header.length + 4).order(ByteOrder.LITTLE_ENDIAN);
      file.putLong(header.length).put(header);
      Path model = Files.createDirectories(folder.resolve("model"));
      Files.write(model.resolve("model.safetensors"), file.array());
      Files.writeString(model.resolve("config.json"), config);
      Files.writeString(
          model.resolve("tokenizer.json"),
          """
          {"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"}, "model":
           {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2, "c": 3, "d": 4}}}
          """);
      return Checkpoints.open(model);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private Path text(String name, String text) {
    try {
      Path file = folder.resolve(name);
      Files.createDirectories(file.resolveSibling("."));
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void packsDocumentsBehindTheirSeparator() {
    try (Checkpoint model = model(PACKED)) {
      TokenWindows windows =
          TokenWindows.read(model, text("t.txt", "a b\0c d a\0b"), 3, 100, false);
      // 9 1 2 9 3 4 1 9 2
      assertThat(windows.windows()).containsExactly(ids(9, 1, 2), ids(9, 3, 4), ids(1, 9, 2));
      assertThat(windows.tokens()).isEqualTo(9);
      assertThat(windows.sha256())
          .isEqualTo("115845f079f0090973c478e62a2bbc9c6b2a73090ae7bea64021b2cb2b58d0e5");
    }
  }

  @Test
  void beginsEachWindowWithBosWhereThatIsNoSeparator() {
    try (Checkpoint model = model(EACH_WINDOW)) {
      TokenWindows windows =
          TokenWindows.read(model, text("t.txt", "a b c\0d a b c"), 3, 100, false);
      assertThat(windows.windows()).containsExactly(ids(9, 1, 2), ids(9, 3, 4), ids(9, 1, 2));
    }
  }

  @Test
  void packsWithoutASeparatorWhereTheConfigNamesNone() {
    try (Checkpoint model = model("{\"bos_token_id\": null}")) {
      assertThat(TokenWindows.read(model, text("t.txt", "a b\0c d"), 2, 100, false).windows())
          .containsExactly(ids(1, 2), ids(3, 4));
    }
  }

  @Test
  void keepsTheFirstWindowsOrEvenlySpreadOnes() {
    try (Checkpoint model = model(EACH_WINDOW)) {
      Path text = text("t.txt", "a b c d a b c d c c");
      assertThat(TokenWindows.read(model, text, 2, 5, false).windows())
          .containsExactly(ids(9, 1), ids(9, 2));
      assertThat(TokenWindows.read(model, text, 2, 5, true).windows())
          .containsExactly(ids(9, 1), ids(9, 2));
      assertThat(TokenWindows.read(model, text, 2, 8, true).windows())
          .containsExactly(ids(9, 1), ids(9, 3), ids(9, 2), ids(9, 4));
    }
  }

  @Test
  void readsLinesOfJsonAsTextOrTokens() {
    try (Checkpoint model = model(PACKED)) {
      Path text =
          text("t.jsonl", "{\"text\": \"a b\"}\n\n{\"tokens\": [5, 6]}\n{\"tokens\": [9, 7]}");
      assertThat(TokenWindows.read(model, text, 2, 100, false).windows())
          .containsExactly(ids(9, 1), ids(2, 9), ids(5, 6), ids(9, 7));
    }
  }

  @Test
  void readsTheFilesOfAFolderInNameOrder() {
    try (Checkpoint model = model(PACKED)) {
      text("texts/b.txt", "c");
      text("texts/a.jsonl", "{\"text\": \"a\"}");
      text("texts/.hidden", "d");
      assertThat(TokenWindows.read(model, folder.resolve("texts"), 4, 4, false).windows())
          .containsExactly(ids(9, 1, 9, 3));
    }
  }

  @Test
  void cutsTextTooLongForOnePieceWithoutASeparator() {
    try (Checkpoint model = model(PACKED)) {
      int lines = DocumentReader.PIECE / 32; // of 64 characters
      Path text = text("t.txt", ("x".repeat(63) + "\n").repeat(lines));
      TokenWindows windows = TokenWindows.read(model, text, 1024, 1L << 30, false);
      int total = windows.windows().stream().mapToInt(w -> count(w, 0)).sum();
      int separators = windows.windows().stream().mapToInt(w -> count(w, 9)).sum();
      assertThat(separators).isOne();
      assertThat(total).isEqualTo(windows.tokens() - 1).isGreaterThan(lines - 1024);
    }
  }

  private static int count(int[] window, int token) {
    int count = 0;
    for (int t : window) {
      count += t == token ? 1 : 0;
    }
    return count;
  }

  @Test
  void saysInOneLineWhatIsWrongWithAText() {
    try (Checkpoint model = model(EACH_WINDOW)) {
      assertRefused(
          model, text("short.txt", "a b"), "expected at least 4 tokens, one window, found 2");
      assertRefused(model, text("bell.txt", "a \u0007"), "found the control character U+0007");
      assertRefused(
          model, text("line.jsonl", "{\"text\": \"a\"}\n{\"txt\": 1}"), "line 2: expected");
      assertRefused(model, text("broken.jsonl", "{\"text\": \"a\"}\n{\"te"), "line 2: expected");
      assertRefused(model, text("ids.jsonl", "{\"tokens\": [1, -2]}"), "found the token -2");
      assertRefused(model, text("big.jsonl", "{\"tokens\": [1, 10]}"), "size 10, found 10");
      assertRefused(model, folder.resolve("none.txt"), "found none");
      Path binary = Files.write(folder.resolve("binary"), new byte[] {'a', (byte) 0xFF, 'b'});
      assertRefused(model, binary, "expected UTF-8 text, found other bytes");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void needsNoTokenizerForTokens() throws IOException {
    try (Checkpoint model = model(EACH_WINDOW)) {
      Files.delete(folder.resolve("model/tokenizer.json"));
      Path ids = text("ids.jsonl", "{\"tokens\": [1, 2, 3]}");
      assertThat(TokenWindows.read(model, ids, 4, 4, false).windows())
          .containsExactly(ids(9, 1, 2, 3));
      assertRefused(
          model, text("t.txt", "a b c"), "tokenizer.json: expected the model's tokenizer");
      Files.writeString(folder.resolve("model/tokenizer.json"), "{\"model\": 3}");
      assertRefused(model, text("t.txt", "a b c"), "tokenizer.json: not a tokenizer");
    }
  }

  private static void assertRefused(Checkpoint model, Path text, String part) {
    assertThatThrownBy(() -> TokenWindows.read(model, text, 4, 100, false))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(part)
        .hasMessageNotContaining("\n");
  }

  private static int[] ids(int... ids) {
    return ids;
  }
}
