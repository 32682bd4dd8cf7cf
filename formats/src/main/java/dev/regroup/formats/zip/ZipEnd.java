package dev.regroup.formats.zip;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.OpenFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The end of a zip file: where its central directory lies.
///
/// @param offset of the directory in the file
/// @param bytes of the directory
/// @param members that it lists
record ZipEnd(long offset, long bytes, long members) {
  private static final int SIGNATURE = 0x06054b50;
  private static final int BYTES = 22;
  private static final int LONGEST_COMMENT = 0xffff;
  private static final int LOCATOR_SIGNATURE = 0x07064b50;
  private static final int LOCATOR_BYTES = 20;
  private static final int ZIP64_SIGNATURE = 0x06064b50;
  private static final int ZIP64_BYTES = 56;

  /// Finds and checks the end.
  ///
  /// @throws CheckpointException where there is none, or more than one could be meant
  static ZipEnd find(OpenFile file) {
    int tail = (int) Math.min(file.bytes(), BYTES + LONGEST_COMMENT);
    long begin = file.bytes() - tail;
    ByteBuffer bytes = littleEndian(file.bytesAt(begin, tail));
    int found = -1;
    for (int at = tail - BYTES; at >= 0; at--) {
      boolean reachesEnd =
          bytes.getInt(at) == SIGNATURE
              && at + BYTES + Short.toUnsignedInt(bytes.getShort(at + 20)) == tail;
      if (reachesEnd && found >= 0) {
        throw wrong(file, "expected one end of its directory, found two: readers would differ");
      }
      found = reachesEnd ? at : found;
    }
    if (found < 0) {
      throw wrong(
          file,
          "expected the directory of a zip file at its end, found none -> truncated:"
              + " download it again");
    }
    bytes.position(found);
    return read(file, begin + found, bytes);
  }

  private static ZipEnd read(OpenFile file, long at, ByteBuffer end) {
    int begin = end.position();
    boolean oneDisk = end.getInt(begin + 4) == 0 || end.getInt(begin + 4) == 0xffffffff;
    long onDisk = Short.toUnsignedLong(end.getShort(begin + 8));
    long members = Short.toUnsignedLong(end.getShort(begin + 10));
    long bytes = Integer.toUnsignedLong(end.getInt(begin + 12));
    long offset = Integer.toUnsignedLong(end.getInt(begin + 16));
    if (!oneDisk || onDisk != members) {
      throw wrong(file, "expected one zip file, found one of several -> join them first");
    }
    ByteBuffer locator = littleEndian(file.bytesAt(Math.max(0, at - LOCATOR_BYTES), LOCATOR_BYTES));
    if (locator.capacity() < LOCATOR_BYTES || locator.getInt(0) != LOCATOR_SIGNATURE) {
      return checked(file, new ZipEnd(offset, bytes, members), at);
    }
    long wideAt = locator.getLong(8);
    ZipEnd wide = readWide(file, wideAt, at - LOCATOR_BYTES);
    requireSame(file, "members", members, 0xffff, wide.members);
    requireSame(file, "bytes", bytes, 0xffffffffL, wide.bytes);
    requireSame(file, "offset", offset, 0xffffffffL, wide.offset);
    return checked(file, wide, wideAt);
  }

  private static ZipEnd readWide(OpenFile file, long at, long before) {
    if (at < 0 || at > before - ZIP64_BYTES) {
      throw wrong(file, "zip64: expected the end of the directory inside the file, found " + at);
    }
    ByteBuffer wide = littleEndian(file.bytesAt(at, ZIP64_BYTES));
    if (wide.getInt(0) != ZIP64_SIGNATURE || wide.getLong(4) != before - at - 12) {
      throw wrong(file, "zip64: expected the end of the directory at %d, found none".formatted(at));
    }
    long members = wide.getLong(32);
    if (wide.getInt(16) != 0 || wide.getInt(20) != 0 || wide.getLong(24) != members) {
      throw wrong(file, "expected one zip file, found one of several -> join them first");
    }
    return new ZipEnd(wide.getLong(48), wide.getLong(40), members);
  }

  private static void requireSame(
      OpenFile file, String what, long narrow, long elsewhere, long wide) {
    if (narrow != elsewhere && narrow != wide) {
      throw wrong(
          file,
          "zip64: expected the same %s at both ends of the directory, found %d and %s"
              .formatted(what, narrow, Long.toUnsignedString(wide)));
    }
  }

  private static ZipEnd checked(OpenFile file, ZipEnd end, long at) {
    // No byte may lie between the directory and its end: offsets would be counted from elsewhere.
    if (end.offset < 0 || end.bytes < 0 || end.bytes > at || end.offset != at - end.bytes) {
      throw wrong(
          file,
          "expected its directory of %s bytes to end at %d, found that it begins at %s: bytes were"
                  .formatted(
                      Long.toUnsignedString(end.bytes), at, Long.toUnsignedString(end.offset))
              + " added or lost -> download it again");
    }
    return end;
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static CheckpointException wrong(OpenFile file, String message) {
    return new CheckpointException(file.name() + ": " + message);
  }
}
