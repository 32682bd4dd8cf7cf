package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_OFFSETS;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_SHAPE;
import static dev.regroup.formats.safetensors.SafetensorsFault.BAD_TENSOR_INFO;
import static dev.regroup.formats.safetensors.SafetensorsFault.DUPLICATE_KEY;
import static dev.regroup.formats.safetensors.SafetensorsFault.UNKNOWN_DTYPE;

import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.tensor.Dtype;
import java.util.Arrays;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonToken;

/// Reads one tensor's object: exactly `dtype`, `shape` and `data_offsets`, in any order.
final class TensorDescriptionReader {
  /// Far above any tensor library's limit; keeps a lying shape from filling the memory.
  private static final int MOST_EXTENTS = 1024;

  private final HeaderTokens tokens;
  private final String name;
  private @Nullable Dtype dtype;
  private long @Nullable [] extents;
  private long @Nullable [] offsets;

  /// @param name the tensor's, for errors
  TensorDescriptionReader(HeaderTokens tokens, String name) {
    this.tokens = tokens;
    this.name = name;
  }

  TensorDescription read() {
    if (tokens.current() != JsonToken.START_OBJECT) {
      throw wrong(
          BAD_TENSOR_INFO,
          "expected an object of dtype, shape and data_offsets, found " + tokens.found());
    }
    while (tokens.next() != JsonToken.END_OBJECT) {
      String key = tokens.name();
      tokens.next();
      readField(key);
    }
    if (dtype == null) {
      throw missing("dtype");
    }
    if (extents == null) {
      throw missing("shape");
    }
    if (offsets == null) {
      throw missing("data_offsets");
    }
    return new TensorDescription(dtype, extents, offsets[0], offsets[1]);
  }

  private void readField(String key) {
    switch (key) {
      case "dtype" -> {
        requireFirst(key, dtype);
        dtype = readDtype();
      }
      case "shape" -> {
        requireFirst(key, extents);
        extents = readShape();
      }
      case "data_offsets" -> {
        requireFirst(key, offsets);
        offsets = readOffsets();
      }
      default ->
          throw wrong(
              BAD_TENSOR_INFO,
              "expected dtype, shape and data_offsets only, found " + Quoted.of(key));
    }
  }

  private Dtype readDtype() {
    if (tokens.current() != JsonToken.VALUE_STRING) {
      throw wrong(UNKNOWN_DTYPE, "dtype: expected a string, found " + tokens.found());
    }
    String found = tokens.text();
    return Dtype.named(found)
        .orElseThrow(
            () ->
                wrong(
                    UNKNOWN_DTYPE,
                    "dtype: expected one of %s, found %s%s"
                        .formatted(
                            Arrays.toString(Dtype.values()), Quoted.of(found), hint(found))));
  }

  private static String hint(String name) {
    for (Dtype dtype : Dtype.values()) {
      if (name.equalsIgnoreCase(dtype.name()) || name.equalsIgnoreCase(dtype.name() + "FN")) {
        return " -> write it " + dtype;
      }
    }
    return "";
  }

  private long[] readShape() {
    if (tokens.current() != JsonToken.START_ARRAY) {
      throw wrong(BAD_SHAPE, "shape: expected an array of integers, found " + tokens.found());
    }
    long[] all = new long[4];
    int rank = 0;
    while (tokens.next() != JsonToken.END_ARRAY) {
      OptionalLong extent = tokens.unsigned();
      if (extent.isEmpty()) {
        throw wrong(
            BAD_SHAPE, "shape: expected integers from 0 to 2^64-1, found " + tokens.found());
      }
      if (rank == MOST_EXTENTS) {
        throw wrong(BAD_SHAPE, "shape: expected at most " + MOST_EXTENTS + " extents, found more");
      }
      all = rank < all.length ? all : Arrays.copyOf(all, 2 * rank);
      all[rank++] = extent.getAsLong();
    }
    return Arrays.copyOf(all, rank);
  }

  private long[] readOffsets() {
    if (tokens.current() != JsonToken.START_ARRAY) {
      throw wrongOffsets(tokens.found());
    }
    long[] both = new long[2];
    int count = 0;
    while (tokens.next() != JsonToken.END_ARRAY) {
      OptionalLong offset = tokens.unsigned();
      if (offset.isEmpty()) {
        throw wrongOffsets(tokens.found());
      }
      if (count == 2) {
        throw wrongOffsets("more");
      }
      both[count++] = offset.getAsLong();
    }
    if (count < 2) {
      throw wrongOffsets(count == 0 ? "none" : "one");
    }
    return both;
  }

  private SafetensorsException wrongOffsets(String found) {
    return wrong(
        BAD_OFFSETS, "data_offsets: expected two integers from 0 to 2^64-1, found " + found);
  }

  private void requireFirst(String key, @Nullable Object earlier) {
    if (earlier != null) {
      throw wrong(DUPLICATE_KEY, Quoted.of(key) + " appears twice");
    }
  }

  private SafetensorsException missing(String key) {
    return wrong(BAD_TENSOR_INFO, Quoted.of(key) + " is missing");
  }

  private SafetensorsException wrong(SafetensorsFault fault, String message) {
    return tokens.wrong(fault, "tensor %s: %s".formatted(Quoted.of(name), message));
  }
}
