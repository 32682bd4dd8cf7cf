package dev.regroup.formats.safetensors;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.StringJoiner;

/// Files put together byte by byte, so that the reader is not tested with what our writer writes.
final class HandWritten {
  private HandWritten() {}

  /// A file of this header and so many bytes of data.
  static byte[] file(String header, int dataBytes) {
    return file(header.getBytes(StandardCharsets.UTF_8), dataBytes);
  }

  static byte[] file(byte[] header, int dataBytes) {
    return file(header.length, header, dataBytes);
  }

  /// A file whose length field may lie.
  static byte[] file(long length, byte[] header, int dataBytes) {
    return ByteBuffer.allocate(8 + header.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(header)
        .array();
  }

  /// `"name":{"dtype":...,"shape":...,"data_offsets":...}`
  static String tensor(String name, String dtype, String shape, String offsets) {
    return "\"%s\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}"
        .formatted(name, dtype, shape, offsets);
  }

  /// The object of a tensor of `[2, 2]` of I32 at `[begin, begin + 16)`.
  static String square(String name, int begin) {
    return tensor(name, "\"I32\"", "[2,2]", "[%d,%d]".formatted(begin, begin + 16));
  }

  /// A file of one float32 vector.
  static byte[] floats(String name, float... values) {
    String header =
        tensor(
            name,
            "\"F32\"",
            "[%d]".formatted(values.length),
            "[0,%d]".formatted(4 * values.length));
    return withValues("{" + header + "}", values);
  }

  /// A file of several float32 vectors of one element each.
  static byte[] floats(String[] names, float... values) {
    StringJoiner header = new StringJoiner(",", "{", "}");
    for (int i = 0; i < names.length; i++) {
      header.add(tensor(names[i], "\"F32\"", "[1]", "[%d,%d]".formatted(4 * i, 4 * i + 4)));
    }
    return withValues(header.toString(), values);
  }

  private static byte[] withValues(String header, float... values) {
    byte[] file = file(header, 4 * values.length);
    ByteBuffer.wrap(file)
        .order(ByteOrder.LITTLE_ENDIAN)
        .position(file.length - 4 * values.length)
        .slice()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .put(values);
    return file;
  }
}
