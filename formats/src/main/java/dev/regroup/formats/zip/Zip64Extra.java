package dev.regroup.formats.zip;

import java.nio.ByteBuffer;

/// Sizes and offset of a member, from the directory or, where they need more than 32 bits, from the
/// zip64 field among its extra ones.
final class Zip64Extra {
  private static final int FIELD = 0x0001;
  private static final long ELSEWHERE = 0xffffffffL;

  private final boolean sound;
  private long bytes;
  private long packedBytes;
  private long begin;

  /// @param extra the member's extra fields, little-endian
  Zip64Extra(ByteBuffer extra, long bytes, long packedBytes, long begin) {
    this.bytes = bytes;
    this.packedBytes = packedBytes;
    this.begin = begin;
    this.sound = readFields(extra) && this.bytes >= 0 && this.packedBytes >= 0 && this.begin >= 0;
  }

  /// Whether every size is known and fits 63 bits.
  boolean isSound() {
    return sound;
  }

  long bytes() {
    return bytes;
  }

  long packedBytes() {
    return packedBytes;
  }

  /// Of the member's local header in the file.
  long begin() {
    return begin;
  }

  private boolean readFields(ByteBuffer extra) {
    boolean wanted = bytes == ELSEWHERE || packedBytes == ELSEWHERE || begin == ELSEWHERE;
    boolean found = false;
    while (extra.remaining() >= 4) {
      int field = Short.toUnsignedInt(extra.getShort());
      int length = Short.toUnsignedInt(extra.getShort());
      if (length > extra.remaining()) {
        return !wanted; // padding that is no field, as some writers leave it
      }
      if (field == FIELD) {
        if (found || !readWide(extra.slice(extra.position(), length).order(extra.order()))) {
          return false;
        }
        found = true;
      }
      extra.position(extra.position() + length);
    }
    return found || !wanted;
  }

  // Only what the directory does not say is here, in this order.
  private boolean readWide(ByteBuffer field) {
    int wanted =
        8
            * ((bytes == ELSEWHERE ? 1 : 0)
                + (packedBytes == ELSEWHERE ? 1 : 0)
                + (begin == ELSEWHERE ? 1 : 0));
    if (field.remaining() < wanted) {
      return false;
    }
    bytes = bytes == ELSEWHERE ? field.getLong() : bytes;
    packedBytes = packedBytes == ELSEWHERE ? field.getLong() : packedBytes;
    begin = begin == ELSEWHERE ? field.getLong() : begin;
    return true;
  }
}
