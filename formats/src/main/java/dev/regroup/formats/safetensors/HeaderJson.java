package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_HEADER_TYPE;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_JSON;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_METADATA;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_OFFSETS;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_SHAPE;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_TENSOR_INFO;
import static dev.regroup.formats.safetensors.SafetensorsFault.DUPLICATE_KEY;
import static dev.regroup.formats.safetensors.SafetensorsFault.UNKNOWN_DTYPE;

import dev.regroup.formats.checkpoint.JsonText;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.tensor.Dtype;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/// The JSON of a header, read token by token: what it says of each tensor, before anything is made of
/// the numbers.
///
/// Where a document is both malformed and wrong, it is reported as malformed. Memory is proportional
/// to the header, time too: names are neither interned nor looked up in the parser's own table.
final class HeaderJson {
  /// Nesting that the reference's JSON reader allows.
  private static final int DEEPEST = 128;

  private static final int LONGEST_NAME = 1 << 16;

  /// Far above any tensor library's limit; keeps a lying shape from filling the memory.
  private static final int MOST_EXTENTS = 1024;

  private static final String METADATA = "__metadata__";

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
  private final Map<String, Description> tensors = new LinkedHashMap<>();
  private @Nullable Map<String, String> metadata;

  /// What the header says of one tensor; extents and offsets are unsigned.
  record Description(Dtype dtype, long[] extents, long begin, long end) {}

  private HeaderJson(Path file, JsonParser json) {
    this.file = file;
    this.json = json;
  }

  /// Reads a header that is known to be UTF-8.
  ///
  /// @throws SafetensorsException with the first rule that is broken
  static HeaderJson parse(Path file, byte[] header) {
    try (JsonParser json = parser(header)) {
      var parsed = new HeaderJson(file, json);
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
  Map<String, Description> tensors() {
    return tensors;
  }

  /// The free-form metadata; empty where there is none.
  Map<String, String> metadata() {
    return metadata == null ? Map.of() : metadata;
  }

  // A reader, not the bytes: given bytes, the parser would also accept UTF-16 and UTF-32.
  private static JsonParser parser(byte[] header) {
    var reader =
        new InputStreamReader(new ByteArrayInputStream(header), StandardCharsets.UTF_8);
    return FACTORY.createParser(ObjectReadContext.empty(), reader);
  }

  private static void requireWellFormed(Path file, byte[] header) {
    try (JsonParser json = parser(header)) {
      while (json.nextToken() != null) {
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
    JsonToken first = json.nextToken();
    if (first == null) {
      throw wrong(BAD_JSON, "header: expected a JSON object, found nothing");
    }
    if (first != JsonToken.START_OBJECT) {
      throw wrong(BAD_HEADER_TYPE, "header: expected a JSON object, found " + found());
    }
    while (json.nextToken() != JsonToken.END_OBJECT) {
      readMember(wellFormed(json.currentName()));
    }
    if (json.nextToken() != null) {
      throw wrong(BAD_JSON, "header: expected one JSON object, found more after it");
    }
  }

  private void readMember(String name) {
    json.nextToken();
    if (name.equals(METADATA)) {
      if (metadata != null) {
        throw wrong(DUPLICATE_KEY, "header: " + Quoted.of(METADATA) + " appears twice");
      }
      metadata = readMetadata();
      return;
    }
    if (tensors.putIfAbsent(name, readTensor("tensor " + Quoted.of(name))) != null) {
      throw wrong(DUPLICATE_KEY, "tensor " + Quoted.of(name) + " appears twice in the header");
    }
  }

  private Map<String, String> readMetadata() {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw wrong(BAD_METADATA, "__metadata__: expected an object of strings, found " + found());
    }
    Map<String, String> all = new LinkedHashMap<>();
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = wellFormed(json.currentName());
      if (json.nextToken() != JsonToken.VALUE_STRING) {
        throw wrong(
            BAD_METADATA,
            "__metadata__: %s: expected a string, found %s".formatted(Quoted.of(key), found()));
      }
      if (all.put(key, wellFormed(json.getString())) != null) {
        throw wrong(DUPLICATE_KEY, "__metadata__: " + Quoted.of(key) + " appears twice");
      }
    }
    return all;
  }

  private Description readTensor(String where) {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw wrong(
          BAD_TENSOR_INFO,
          where + ": expected an object of dtype, shape and data_offsets, found " + found());
    }
    Dtype dtype = null;
    long[] extents = null;
    long[] offsets = null;
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      json.nextToken();
      boolean twice;
      switch (key) {
        case "dtype" -> {
          twice = dtype != null;
          dtype = readDtype(where);
        }
        case "shape" -> {
          twice = extents != null;
          extents = readShape(where);
        }
        case "data_offsets" -> {
          twice = offsets != null;
          offsets = readOffsets(where);
        }
        default ->
            throw wrong(
                BAD_TENSOR_INFO,
                "%s: expected dtype, shape and data_offsets only, found %s"
                    .formatted(where, Quoted.of(key)));
      }
      if (twice) {
        throw wrong(DUPLICATE_KEY, "%s: %s appears twice".formatted(where, Quoted.of(key)));
      }
    }
    if (dtype == null || extents == null || offsets == null) {
      String missing = dtype == null ? "dtype" : extents == null ? "shape" : "data_offsets";
      throw wrong(BAD_TENSOR_INFO, "%s: \"%s\" is missing".formatted(where, missing));
    }
    return new Description(dtype, extents, offsets[0], offsets[1]);
  }

  private Dtype readDtype(String where) {
    if (json.currentToken() != JsonToken.VALUE_STRING) {
      throw wrong(UNKNOWN_DTYPE, where + ": dtype: expected a string, found " + found());
    }
    String name = json.getString();
    return Dtype.named(name)
        .orElseThrow(
            () ->
                wrong(
                    UNKNOWN_DTYPE,
                    "%s: dtype: expected one of %s, found %s%s"
                        .formatted(
                            where, Arrays.toString(Dtype.values()), Quoted.of(name), hint(name))));
  }

  private static String hint(String name) {
    for (Dtype dtype : Dtype.values()) {
      if (name.equalsIgnoreCase(dtype.name()) || name.equalsIgnoreCase(dtype.name() + "FN")) {
        return " -> write it " + dtype;
      }
    }
    return "";
  }

  private long[] readShape(String where) {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      throw wrong(BAD_SHAPE, where + ": shape: expected an array of integers, found " + found());
    }
    long[] extents = new long[4];
    int rank = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      long extent =
          unsigned()
              .orElseThrow(
                  () ->
                      wrong(
                          BAD_SHAPE,
                          where + ": shape: expected integers from 0 to 2^64-1, found " + found()));
      if (rank == MOST_EXTENTS) {
        throw wrong(BAD_SHAPE, where + ": shape: more than " + MOST_EXTENTS + " extents");
      }
      extents = rank < extents.length ? extents : Arrays.copyOf(extents, 2 * rank);
      extents[rank++] = extent;
    }
    return Arrays.copyOf(extents, rank);
  }

  private long[] readOffsets(String where) {
    long[] offsets = new long[2];
    int count = 0;
    boolean good = json.currentToken() == JsonToken.START_ARRAY;
    while (good && json.nextToken() != JsonToken.END_ARRAY) {
      Optional<Long> offset = unsigned();
      good = offset.isPresent() && count < 2;
      if (good) {
        offsets[count++] = offset.get();
      }
    }
    if (!good || count != 2) {
      throw wrong(
          BAD_OFFSETS,
          "%s: data_offsets: expected two integers from 0 to 2^64-1, found %s"
              .formatted(where, good ? count + " of them" : found()));
    }
    return offsets;
  }

  /// The current token as an unsigned 64-bit integer; nothing for `-1`, `2.0`, `2e0` and the like.
  private Optional<Long> unsigned() {
    if (json.currentToken() != JsonToken.VALUE_NUMBER_INT) {
      return Optional.empty();
    }
    String digits = json.getString();
    try {
      // Long.parseUnsignedLong refuses a minus sign, and JSON a plus sign and leading zeros.
      return Optional.of(Long.parseUnsignedLong(digits));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  private String wellFormed(String text) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw wrong(BAD_JSON, "header: half of a surrogate pair in " + Quoted.of(text));
    }
    return text;
  }

  private String found() {
    JsonToken token = json.currentToken();
    if (token == JsonToken.START_ARRAY) {
      return "an array";
    }
    if (token == JsonToken.START_OBJECT) {
      return "an object";
    }
    return token == JsonToken.VALUE_STRING
        ? Quoted.of(json.getString())
        : Quoted.line(json.getString());
  }

  private SafetensorsException wrong(SafetensorsFault fault, String message) {
    return new SafetensorsException(file, fault, message);
  }
}
