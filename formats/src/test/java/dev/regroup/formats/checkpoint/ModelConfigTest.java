package dev.regroup.formats.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

final class ModelConfigTest {
  @TempDir Path folder;

  @Test
  void looksUpByType() {
    ModelConfig config =
        read(
            """
            {"layers": 32, "theta": 1e6, "tied": true, "type": "llama", "nothing": null,
             "rope": {"factor": 4}, "parts": [{"dim": 1}, {"dim": 2}], "freqs": [1, 0.5],
             "names": ["a", "b"], "counts": [3, 4]}
            """);
    assertThat(config.integer("layers")).isEqualTo(32);
    assertThat(config.number("theta")).isEqualTo(1e6);
    assertThat(config.number("layers")).isEqualTo(32);
    assertThat(config.flag("tied", false)).isTrue();
    assertThat(config.text("type")).isEqualTo("llama");
    assertThat(config.object("rope").orElseThrow().number("factor")).isEqualTo(4);
    assertThat(config.objects("parts"))
        .extracting(part -> part.integer("dim"))
        .containsExactly(1, 2);
    assertThat(config.numbers("freqs")).containsExactly(1.0, 0.5);
    assertThat(config.texts("names")).containsExactly("a", "b");
    assertThat(config.integers("counts")).containsExactly(3, 4);
  }

  @Test
  void fallsBackWhereAKeyIsAbsentOrNull() {
    ModelConfig config = read("{\"nothing\": null}");
    assertThat(config.has("nothing")).isFalse();
    assertThat(config.integer("nothing", 7)).isEqualTo(7);
    assertThat(config.number("absent", 0.5)).isEqualTo(0.5);
    assertThat(config.flag("nothing", true)).isTrue();
    assertThat(config.text("absent", "x")).isEqualTo("x");
    assertThat(config.object("nothing")).isEmpty();
    assertThat(config.texts("absent")).isEmpty();
  }

  @Test
  void saysWhereAndWhatWasFound() {
    ModelConfig config =
        read(
            """
            {"a": "x", "b": 1.5, "c": 4294967296, "d": {"e": [1, {"f": null}]}, "g": [1, "2"],
             "i": "yes"}
            """);
    Path file = config.file();
    assertWrong(() -> config.integer("a"), file + ": \"a\": expected an integer, found \"x\"");
    assertWrong(() -> config.integer("b"), file + ": \"b\": expected an integer, found 1.5");
    assertWrong(
        () -> config.integer("c"),
        file + ": \"c\": expected an integer within 32 bits, found 4294967296");
    assertWrong(
        () -> config.integer("h"),
        file + ": \"h\": expected an integer, found nothing: the key is missing");
    assertWrong(
        () -> config.object("d").orElseThrow().objects("e"),
        file + ": \"d.e[0]\": expected an object, found 1");
    assertWrong(() -> config.numbers("g"), file + ": \"g[1]\": expected a number, found \"2\"");
    assertWrong(
        () -> config.flag("i", true), file + ": \"i\": expected true or false, found \"yes\"");
    assertWrong(() -> config.object("g"), file + ": \"g\": expected an object, found [1,\"2\"]");
  }

  @Test
  void namesInnerKeysByTheirPath() {
    ModelConfig part = read("{\"parts\": [{}, {\"dim\": -1}]}").objects("parts").get(1);
    assertThat(part.wrong("dim", "too small")).hasMessageEndingWith("\"parts[1].dim\": too small");
  }

  @Test
  void writesWhatItDoesNotUnderstandAsItReadIt() {
    String text =
        """
        {
          "zeta": 1e400,
          "big": 12345678901234567890123,
          "long": 9007199254740993,
          "exact": 0.1000000000000000055511151231257827,
          "zeros": 10000.0,
          "nan": NaN,
          "bounds": [
            -Infinity,
            Infinity
          ],
          "path": "a/b \\u00E9",
          "empty": {},
          "none": [],
          "alpha": null
        }
        """;
    assertThat(ModelConfig.render(read(text).copy())).isEqualTo(text.replace("1e400", "1E+400"));
  }

  @Test
  void writesOnlyNewFiles() throws IOException {
    ObjectNode root = read("{\"a\": 1}").copy();
    Path file = folder.resolve("written.json");
    ModelConfig.write(file, root);
    assertThat(Files.readString(file)).isEqualTo("{\n  \"a\": 1\n}\n");
    assertThatThrownBy(() -> ModelConfig.write(file, root))
        .isInstanceOf(java.io.UncheckedIOException.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void copiesShareNothing() {
    ModelConfig config = read("{\"a\": {\"b\": 1}}");
    ((ObjectNode) config.copy().get("a")).put("b", 2);
    assertThat(config.object("a").orElseThrow().integer("b")).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"a\": 1, \"a\": 2} | Duplicate",
        "{\"a\": {\"b\": 1, \"b\": 1}} | Duplicate",
        "{\"a\": 1,} | line 1, column 9: expected JSON",
        "{\"a\": 1} {} | expected JSON",
        "[1] | expected a JSON object, found [1]",
        "'' | expected a JSON object, found nothing",
        "{\"a\": 01} | expected JSON",
        "{/* */} | expected JSON",
      })
  void refusesWhatIsNotOneJsonObject(String text, String complaint) {
    assertWrong(() -> read(text), complaint);
  }

  @Test
  void refusesOtherEncodings() throws IOException {
    Path file = folder.resolve("config.json");
    Files.write(file, new byte[] {'{', (byte) 0xff, '}'});
    assertWrong(() -> ModelConfig.read(file), file + ": expected UTF-8, found other bytes");
    Files.writeString(file, "\ufeff{}");
    assertWrong(() -> ModelConfig.read(file), "a byte order mark");
    Files.write(file, "{}".getBytes(StandardCharsets.UTF_16LE));
    assertWrong(() -> ModelConfig.read(file), "expected JSON");
  }

  @Test
  void refusesWhatIsNoFile() throws IOException {
    assertWrong(() -> ModelConfig.read(folder.resolve("x")), "x: no such file");
    assertWrong(() -> ModelConfig.read(folder), "expected a file, found a directory");
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("nowhere"));
    assertWrong(() -> ModelConfig.read(link), "found a link to nowhere");
  }

  @Test
  void refusesNestingWithoutEnd() {
    assertWrong(() -> read("{\"a\":" + "[".repeat(100_000)), "nesting depth");
  }

  private ModelConfig read(String text) {
    try {
      return ModelConfig.read(Files.writeString(folder.resolve("config.json"), text));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertWrong(Runnable looking, String message) {
    assertThatThrownBy(looking::run)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(600));
  }
}
