package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/// The bytes of a pickle, taken from front to back, and the memory that may be made of them.
final class PickleBytes {
  /// Bytes of the longest string; names of tensors have a few dozen.
  private static final int LONGEST_TEXT = 1 << 16;

  private final String where;
  private final ByteBuffer bytes;
  private long budget;

  /// @param where named in errors: the file and `data.pkl`
  /// @param budget bytes of memory that the values may take
  PickleBytes(String where, byte[] bytes, long budget) {
    this.where = where;
    this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.budget = budget;
  }

  int position() {
    return bytes.position();
  }

  int remaining() {
    return bytes.remaining();
  }

  int unsignedByte() {
    return Byte.toUnsignedInt(require(1).get());
  }

  int unsignedShort() {
    return Short.toUnsignedInt(require(2).getShort());
  }

  int integer() {
    return require(4).getInt();
  }

  long longInteger() {
    return require(8).getLong();
  }

  /// A double, big-endian as pickles have it.
  double bigEndianDouble() {
    return Double.longBitsToDouble(Long.reverseBytes(require(8).getLong()));
  }

  /// A little-endian integer of any length up to 8 bytes.
  long signed(int length) {
    if (length > 8) {
      throw wrong("expected integers of at most 64 bits, found one of %d bytes".formatted(length));
    }
    require(length);
    long value = 0;
    for (int i = 0; i < length; i++) {
      value |= (bytes.get() & 0xffL) << (8 * i);
    }
    int unused = 64 - 8 * length;
    return length == 0 ? 0 : (value << unused) >> unused;
  }

  /// UTF-8 text of so many bytes.
  String text(long length) {
    if (length < 0 || length > Math.min(LONGEST_TEXT, bytes.remaining())) {
      throw wrong(
          "expected text of at most %d bytes, found it to have %s"
              .formatted(Math.min(LONGEST_TEXT, bytes.remaining()), Long.toUnsignedString(length)));
    }
    charge(48 + 4 * length);
    ByteBuffer encoded = bytes.slice(bytes.position(), (int) length);
    skip((int) length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(encoded).toString();
    } catch (CharacterCodingException e) {
      throw wrong("expected text in UTF-8, found other bytes");
    }
  }

  /// Text up to a line feed, which is taken too.
  String line() {
    int end = bytes.position();
    while (end < bytes.limit() && bytes.get(end) != '\n') {
      end++;
    }
    if (end == bytes.limit()) {
      throw wrong("expected the end of a line, found the end of the pickle");
    }
    String line = text(end - bytes.position());
    skip(1);
    return line;
  }

  /// Skips bytes that say nothing of interest.
  void skip(int count) {
    require(count).position(bytes.position() + count);
  }

  /// Takes memory for values.
  ///
  /// @throws CheckpointException where that is more than the pickle may take
  void charge(long memory) {
    budget -= memory;
    if (budget < 0) {
      throw wrong("needs more memory than the tensors of a file of this size can");
    }
  }

  /// What is wrong here, and that nothing was run.
  CheckpointException wrong(String message) {
    return new CheckpointException("%s, byte %d: %s".formatted(where, position(), message));
  }

  /// A name that has no place in a checkpoint.
  CheckpointException unknownName(String module, String name) {
    return wrong(
        ("expected only names that tensors are made of, found %s, which was not run -> if you trust"
                + " the file, save its state dict as safetensors")
            .formatted(Quoted.of(module + "." + name)));
  }

  private ByteBuffer require(int count) {
    if (count > bytes.remaining()) {
      throw wrong("the pickle ends too early -> damaged: download it again");
    }
    return bytes;
  }
}
