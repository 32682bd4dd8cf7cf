package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Reads and renders `config.json` so that what we do not understand comes out as it went in.
///
/// Numbers keep their value whatever their size or precision, and keys their order. `NaN` and
/// `Infinity`, which are not JSON but which Python writes, are read and written.
final class ConfigJson {
  /// Bytes of the largest config read; real ones are a few kilobytes.
  private static final int MOST_BYTES = 64 << 20;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
          .disable(JsonWriteFeature.ESCAPE_FORWARD_SLASHES)
          .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
          .build();

  private ConfigJson() {}

  static ObjectNode read(Path file) {
    return parse(file, TextFile.read(file, MOST_BYTES));
  }

  static ObjectNode read(ModelFile file) {
    return parse(file.name(), TextFile.read(file, MOST_BYTES));
  }

  static ObjectNode parse(Path file, String text) {
    JsonNode node;
    try {
      node = MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw new CheckpointException(file + ": " + JsonText.complaint(e), e);
    } catch (ArithmeticException | NumberFormatException e) {
      // The parser's own number classes have bounds of which it does not speak for itself.
      throw new CheckpointException(
          "%s: expected numbers that can be computed with: %s"
              .formatted(file, Quoted.line(String.valueOf(e.getMessage()))),
          e);
    }
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new CheckpointException(
        "%s: expected a JSON object, found %s"
            .formatted(file, node.isMissingNode() ? "nothing" : Quoted.line(node.toString())));
  }

  static String render(ObjectNode root) {
    var indenter = new DefaultIndenter("  ", "\n");
    var printer =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("")
                    .withArrayEmptySeparator(""))
            .withObjectIndenter(indenter)
            .withArrayIndenter(indenter);
    return MAPPER.writer().with(printer).writeValueAsString(root) + "\n";
  }

  static void write(Path file, ObjectNode root) {
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(render(root));
    try (var channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }
}
