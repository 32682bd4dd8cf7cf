package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.core.JsonEncoding;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;

/// Writes a header that every known reader accepts: it begins with `{`, is ASCII, padded with
/// spaces to a multiple of 8 or further, and not longer than huggingface_hub reads.
final class HeaderBytes {
  /// huggingface_hub at ee0a451, `SAFETENSORS_MAX_HEADER_LENGTH`.
  static final int MOST_BYTES = 25_000_000;

  private static final int ALIGNMENT = 8;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
          .disable(JsonWriteFeature.ESCAPE_FORWARD_SLASHES)
          .build();

  private HeaderBytes() {}

  /// @param phase where the data begins in a block of {@link ShardPlan#BLOCK} bytes, a multiple of 8
  static byte[] render(List<TensorInfo> tensors, Map<String, String> metadata, OptionalInt phase) {
    requireNames(tensors);
    var out = new ByteArrayOutputStream();
    try (JsonGenerator json =
        FACTORY.createGenerator(ObjectWriteContext.empty(), out, JsonEncoding.UTF8)) {
      json.writeStartObject();
      writeMetadata(json, metadata);
      long offset = 0;
      for (TensorInfo tensor : tensors) {
        offset = writeTensor(json, tensor, offset);
      }
      json.writeEndObject();
    }
    int length = (out.size() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (phase.isPresent()) {
      length += Math.floorMod(phase.getAsInt() - Long.BYTES - length, ShardPlan.BLOCK);
    }
    if (length > MOST_BYTES) {
      throw new IllegalArgumentException(
          "header of %d tensors: expected at most %d bytes, found %d -> write smaller shards"
              .formatted(tensors.size(), MOST_BYTES, length));
    }
    out.writeBytes(" ".repeat(length - out.size()).getBytes(StandardCharsets.US_ASCII));
    return ByteBuffer.allocate(Long.BYTES + length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(out.toByteArray())
        .array();
  }

  private static void requireNames(List<TensorInfo> tensors) {
    Set<String> names = new HashSet<>();
    for (TensorInfo tensor : tensors) {
      String name = tensor.name();
      if (name.equals("__metadata__")
          || !StandardCharsets.UTF_8.newEncoder().canEncode(name)
          || !names.add(name)) {
        throw new IllegalArgumentException(
            "tensor %s: a name must be Unicode, appear once, and not be \"__metadata__\""
                .formatted(Quoted.of(name)));
      }
    }
  }

  private static void writeMetadata(JsonGenerator json, Map<String, String> metadata) {
    Map<String, String> sorted = new TreeMap<>(metadata);
    sorted.putIfAbsent("format", "pt");
    json.writeObjectPropertyStart("__metadata__");
    sorted.forEach(json::writeStringProperty);
    json.writeEndObject();
  }

  /// Returns where the tensor ends, in bytes of data.
  private static long writeTensor(JsonGenerator json, TensorInfo tensor, long begin) {
    if ((tensor.shape().elements() * tensor.dtype().bits() & 7) != 0) {
      throw new IllegalArgumentException(
          "tensor %s: %s of %s does not end on a byte"
              .formatted(Quoted.of(tensor.name()), tensor.shape(), tensor.dtype()));
    }
    long end = Math.addExact(begin, tensor.bytes());
    json.writeObjectPropertyStart(tensor.name());
    json.writeStringProperty("dtype", tensor.dtype().name());
    json.writeArrayPropertyStart("shape");
    for (long extent : tensor.shape().extents()) {
      json.writeNumber(Long.toUnsignedString(extent));
    }
    json.writeEndArray();
    json.writeArrayPropertyStart("data_offsets");
    json.writeNumber(begin);
    json.writeNumber(end);
    json.writeEndArray();
    json.writeEndObject();
    return end;
  }
}
