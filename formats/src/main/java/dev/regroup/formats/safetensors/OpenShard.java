package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.TextFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A safetensors file, open, with its header read and checked. Closed by the checkpoint it is part
/// of.
final class OpenShard implements AutoCloseable {
  /// Bytes read at a time: the JDK keeps a buffer of this size for each thread that reads.
  private static final int CHUNK = 1 << 20;

  private final Path file;
  private final FileChannel channel;
  private final SafetensorsHeader header;
  private final long bytes;

  private OpenShard(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    this.header = SafetensorsHeader.read(file, channel);
    this.bytes = channel.size();
  }

  static OpenShard open(Path file) {
    TextFile.requireRegular(file);
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      try {
        return new OpenShard(file, channel);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  SafetensorsHeader header() {
    return header;
  }

  Path file() {
    return file;
  }

  Checkpoint.Shard describe() {
    return new Checkpoint.Shard(
        file, header.entries().stream().map(SafetensorsHeader.Entry::info).toList(), bytes);
  }

  /// Fills `into`, from its position to its limit, with the file's bytes from `offset` on.
  void read(long offset, ByteBuffer into) {
    int limit = into.limit();
    long at = offset;
    try {
      while (into.position() < limit) {
        into.limit(Math.min(limit, into.position() + CHUNK));
        int count = channel.read(into, at);
        if (count < 0) {
          throw shrank(at);
        }
        at += count;
      }
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    } finally {
      into.limit(limit);
    }
  }

  /// Copies bytes `[offset, offset + count)` of the file in the kernel.
  void transfer(long offset, long count, WritableByteChannel to) throws IOException {
    for (long done = 0; done < count; ) {
      long moved = channel.transferTo(offset + done, count - done, to);
      if (moved <= 0) {
        throw shrank(offset + done);
      }
      done += moved;
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  private CheckpointException shrank(long at) {
    return new CheckpointException(
        "%s: ends at byte %d or before; it had %d when it was opened -> something is writing to it"
            .formatted(file, at, bytes));
  }
}
