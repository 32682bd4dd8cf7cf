package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.OpenFile;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/// An archive's bytes in order, of which whole members can be passed over without reading them.
///
/// The tar reader skips by reading. Told beforehand how much it will skip, this hands it bytes that
/// it does not look at.
final class ArchiveStream extends InputStream {
  private final OpenFile file;
  private long position;
  private long passOver;

  ArchiveStream(OpenFile file) {
    this.file = file;
  }

  /// Where the next byte lies in the file.
  long position() {
    return position;
  }

  /// Does not read the next `bytes` bytes when they are asked for.
  void passOver(long bytes) {
    passOver = bytes;
  }

  @Override
  public int read() {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int length) {
    int count = (int) Math.min(length, file.bytes() - position);
    if (count <= 0) {
      return length == 0 ? 0 : -1;
    }
    if (passOver > 0) {
      count = (int) Math.min(count, passOver);
      passOver -= count;
      Arrays.fill(into, offset, offset + count, (byte) 0);
    } else {
      file.read(position, ByteBuffer.wrap(into, offset, count));
    }
    position += count;
    return count;
  }

  /// Refuses to be read beyond a number of bytes.
  static InputStream bounded(InputStream in, String archive, long most) {
    return new InputStream() {
      private long count;

      @Override
      public int read() throws java.io.IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] into, int offset, int length) throws java.io.IOException {
        int read = in.read(into, offset, length);
        count += Math.max(0, read);
        if (count > most) {
          throw new CheckpointException(
              "%s: unpacks to more than %d bytes, %d times its size: a bomb, or no model"
                  .formatted(archive, most, MemberGate.MOST_TIMES));
        }
        return read;
      }

      @Override
      public void close() throws java.io.IOException {
        in.close();
      }
    };
  }
}
