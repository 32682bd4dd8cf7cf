package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A model's file, open for reading at any place. Safe for use by several threads.
public final class OpenFile implements AutoCloseable {
  /// Bytes read at a time: the JDK keeps a buffer of this size for each thread that reads.
  private static final int CHUNK = 1 << 20;

  private final ModelFile file;
  private final FileChannel channel;

  private OpenFile(ModelFile file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Opens a file.
  ///
  /// @throws java.io.UncheckedIOException where the disk refuses
  public static OpenFile open(ModelFile file) {
    try {
      return new OpenFile(file, FileChannel.open(file.file(), StandardOpenOption.READ));
    } catch (IOException e) {
      throw DiskFailure.at(file.file(), e);
    }
  }

  /// What errors call it.
  public Path name() {
    return file.name();
  }

  /// Its length when it was found.
  public long bytes() {
    return file.bytes();
  }

  /// Where bytes `[offset, offset + bytes)` of it lie on the disk.
  public Checkpoint.Location locate(long offset, long bytes) {
    return new Checkpoint.Location(file.file(), file.offset() + offset, bytes);
  }

  /// Fills `into`, from its position to its limit, with the bytes from `offset` on.
  ///
  /// @throws CheckpointException where the file ends before
  public void read(long offset, ByteBuffer into) {
    int limit = into.limit();
    if (offset < 0 || offset > file.bytes() - into.remaining()) {
      throw ends(offset + into.remaining());
    }
    long at = file.offset() + offset;
    try {
      while (into.position() < limit) {
        into.limit(Math.min(limit, into.position() + CHUNK));
        int count = channel.read(into, at);
        if (count < 0) {
          throw ends(at - file.offset() + 1);
        }
        at += count;
      }
    } catch (IOException e) {
      throw DiskFailure.at(file.name(), e);
    } finally {
      into.limit(limit);
    }
  }

  /// Up to `most` bytes from `offset` on; fewer where the file ends.
  public byte[] bytesAt(long offset, int most) {
    long there = Math.clamp(file.bytes() - offset, 0, most);
    ByteBuffer bytes = ByteBuffer.allocate((int) there);
    read(offset, bytes);
    return bytes.array();
  }

  /// Copies bytes `[offset, offset + count)` in the kernel.
  ///
  /// @throws CheckpointException where the file ends before
  /// @throws IOException where the channel cannot be written
  public void transfer(long offset, long count, WritableByteChannel to) throws IOException {
    for (long done = 0; done < count; ) {
      long moved = channel.transferTo(file.offset() + offset + done, count - done, to);
      if (moved <= 0) {
        throw ends(offset + done + 1);
      }
      done += moved;
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw DiskFailure.at(file.name(), e);
    }
  }

  private CheckpointException ends(long wanted) {
    return new CheckpointException(
        "%s: ends before byte %d; it had %d when it was opened -> something is writing to it"
            .formatted(file.name(), wanted, file.bytes()));
  }
}
