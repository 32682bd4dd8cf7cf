package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_HEADER_TYPE;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_JSON;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_METADATA;
import static dev.regroup.formats.safetensors.SafetensorsFault.DUPLICATE_KEY;

import dev.regroup.formats.checkpoint.JsonText;
import dev.regroup.formats.checkpoint.Quoted;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonToken;

/// The JSON of a header, read token by token: what it says of each tensor, before anything is made
/// of the numbers.
///
/// Where a document is both malformed and wrong, it is reported as malformed.
final class HeaderJson {
  private static final String METADATA = "__metadata__";

  private final HeaderTokens tokens;
  private final Map<String, TensorDescription> tensors = new LinkedHashMap<>();
  private @Nullable Map<String, String> metadata;

  private HeaderJson(HeaderTokens tokens) {
    this.tokens = tokens;
  }

  /// Reads a header that is known to be UTF-8.
  ///
  /// @throws SafetensorsException with the first rule that is broken
  static HeaderJson parse(Path file, byte[] header) {
    try (var tokens = new HeaderTokens(file, header)) {
      var parsed = new HeaderJson(tokens);
      parsed.readRoot();
      return parsed;
    } catch (SafetensorsException e) {
      requireWellFormed(file, header);
      throw e;
    } catch (JacksonException e) {
      throw malformed(file, e);
    }
  }

  /// Descriptions by name, in the order of the document.
  Map<String, TensorDescription> tensors() {
    return tensors;
  }

  /// The free-form metadata; empty where there is none.
  Map<String, String> metadata() {
    return metadata == null ? Map.of() : metadata;
  }

  private static void requireWellFormed(Path file, byte[] header) {
    try (var tokens = new HeaderTokens(file, header)) {
      while (tokens.next() != null) {
        // Only the parser's own checks are wanted.
      }
    } catch (JacksonException e) {
      throw malformed(file, e);
    }
  }

  private static SafetensorsException malformed(Path file, JacksonException e) {
    return new SafetensorsException(file, BAD_JSON, "header, " + JsonText.complaint(e));
  }

  private void readRoot() {
    JsonToken first = tokens.next();
    if (first == null) {
      throw tokens.wrong(BAD_JSON, "header: expected a JSON object, found nothing");
    }
    if (first != JsonToken.START_OBJECT) {
      throw tokens.wrong(
          BAD_HEADER_TYPE, "header: expected a JSON object, found " + tokens.found());
    }
    while (tokens.next() != JsonToken.END_OBJECT) {
      String name = tokens.name();
      tokens.next();
      readMember(name);
    }
    if (tokens.next() != null) {
      throw tokens.wrong(BAD_JSON, "header: expected one JSON object, found more after it");
    }
  }

  private void readMember(String name) {
    if (name.equals(METADATA)) {
      if (metadata != null) {
        throw tokens.wrong(DUPLICATE_KEY, "header: \"__metadata__\" appears twice");
      }
      metadata = readMetadata();
      return;
    }
    if (tensors.put(name, new TensorDescriptionReader(tokens, name).read()) != null) {
      throw tokens.wrong(
          DUPLICATE_KEY, "tensor %s appears twice in the header".formatted(Quoted.of(name)));
    }
  }

  private Map<String, String> readMetadata() {
    if (tokens.current() != JsonToken.START_OBJECT) {
      throw tokens.wrong(
          BAD_METADATA, "__metadata__: expected an object of strings, found " + tokens.found());
    }
    Map<String, String> all = new LinkedHashMap<>();
    while (tokens.next() != JsonToken.END_OBJECT) {
      String key = tokens.name();
      if (tokens.next() != JsonToken.VALUE_STRING) {
        throw tokens.wrong(
            BAD_METADATA,
            "__metadata__: %s: expected a string, found %s"
                .formatted(Quoted.of(key), tokens.found()));
      }
      if (all.put(key, tokens.text()) != null) {
        throw tokens.wrong(DUPLICATE_KEY, "__metadata__: " + Quoted.of(key) + " appears twice");
      }
    }
    return all;
  }
}
