package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.CheckpointException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;

/// Sees to it that a tar ends as one does: with a block of zeros, and nothing but zeros after it. A
/// tar cut between two members has no such end, and would otherwise pass for a smaller one; and of
/// two tars in one file, some readers see only the first.
final class TrailerCheck extends FilterInputStream {
  private static final int BLOCK = 512;
  private static final int CHUNK = 1 << 16;

  private final Path archive;
  private long count;
  private long afterLastNonZero;
  private long membersEnd;

  TrailerCheck(InputStream in, Path archive) {
    super(in);
    this.archive = archive;
  }

  /// Says that a member's bytes come next.
  void member(long bytes) {
    membersEnd = count + (bytes + BLOCK - 1) / BLOCK * BLOCK;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    int read = in.read(into, offset, length);
    for (int i = read - 1; i >= 0; i--) {
      if (into[offset + i] != 0) {
        afterLastNonZero = count + i + 1;
        break;
      }
    }
    count += Math.max(0, read);
    return read;
  }

  /// Reads to the end.
  ///
  /// @throws CheckpointException where the last member is not followed by zeros, and by them only
  void requireEnd() throws IOException {
    byte[] chunk = new byte[CHUNK];
    while (read(chunk, 0, chunk.length) >= 0) {
      // counted and looked at there
    }
    if (count == 0 || (membersEnd == 0 && afterLastNonZero > 0)) {
      throw new CheckpointException(
          "%s: expected a tar, found %s"
              .formatted(archive, count == 0 ? "nothing" : "other bytes"));
    }
    if (afterLastNonZero > membersEnd) {
      throw new CheckpointException(
          archive + ": expected nothing after the end of the tar, found more -> pack it again");
    }
    if (count - membersEnd < BLOCK) {
      throw new CheckpointException(
          archive + ": the tar ends without its end marks -> truncated: download it again");
    }
  }
}
