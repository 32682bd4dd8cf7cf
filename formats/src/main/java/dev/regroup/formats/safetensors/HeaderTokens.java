package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_JSON;

import dev.regroup.formats.checkpoint.Quoted;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/// The tokens of a header, as its two readers see them.
///
/// Time and memory are proportional to the header: names are neither interned nor looked up in the
/// parser's own table, and nesting, names and numbers are bounded.
final class HeaderTokens implements AutoCloseable {
  /// Nesting that the reference's JSON reader allows.
  private static final int DEEPEST = 128;

  private static final int LONGEST_NAME = 1 << 16;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEEPEST)
                  .maxNameLength(LONGEST_NAME)
                  .build())
          .build();

  private final Path file;
  private final JsonParser json;

  // A reader, not the bytes: given bytes, the parser would also accept UTF-16 and UTF-32.
  HeaderTokens(Path file, byte[] header) {
    this.file = file;
    var reader = new InputStreamReader(new ByteArrayInputStream(header), StandardCharsets.UTF_8);
    this.json = FACTORY.createParser(ObjectReadContext.empty(), reader);
  }

  /// Steps to the next token; null at the end.
  @Nullable JsonToken next() {
    return json.nextToken();
  }

  @Nullable JsonToken current() {
    return json.currentToken();
  }

  /// The name of the member the parser is at.
  String name() {
    return wellFormed(json.currentName());
  }

  /// The string the parser is at.
  String text() {
    return wellFormed(json.getString());
  }

  /// The current token as an unsigned 64-bit integer; nothing for `-1`, `2.0`, `2e0` and the like.
  OptionalLong unsigned() {
    if (json.currentToken() != JsonToken.VALUE_NUMBER_INT) {
      return OptionalLong.empty();
    }
    try {
      // This refuses a minus sign; JSON itself refuses a plus sign and leading zeros.
      return OptionalLong.of(Long.parseUnsignedLong(json.getString()));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  /// The current token, as errors show it.
  String found() {
    JsonToken token = json.currentToken();
    if (token == JsonToken.START_ARRAY) {
      return "an array";
    }
    if (token == JsonToken.START_OBJECT) {
      return "an object";
    }
    String text = json.getString();
    return token == JsonToken.VALUE_STRING ? Quoted.of(text) : Quoted.line(text);
  }

  SafetensorsException wrong(SafetensorsFault fault, String message) {
    return new SafetensorsException(file, fault, message);
  }

  @Override
  public void close() {
    json.close();
  }

  // The parser lets through some halves of surrogate pairs that are written as escapes.
  private String wellFormed(String text) {
    if (!isWellFormed(text)) {
      throw wrong(BAD_JSON, "header: half of a surrogate pair in " + Quoted.of(text));
    }
    return text;
  }

  // What an encoder's canEncode says, without encoding: a model has 100,000 names.
  private static boolean isWellFormed(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        if (i + 1 == text.length()
            || !Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
          return false;
        }
        i++;
      }
    }
    return true;
  }
}
