package dev.regroup.formats.checkpoint;

import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.tensor.Tensors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;

/// A checkpoint opened for reading: a model (a directory, or an archive of one), or one file of
/// tensors.
///
/// Tensors are read positionally, one at a time, and nothing is mapped: a file that shrinks under
/// us gives an error, not a crash. Whoever opens it closes it. Safe for use by several threads.
public interface Checkpoint extends Tensors, AutoCloseable {
  /// The directory, the archive, or the file.
  Path path();

  /// Whether it is a model, and not only a file of tensors that has no config.
  boolean isModel();

  /// The config.
  ///
  /// @throws CheckpointException where there is none (a bare file of tensors)
  ModelConfig config();

  /// The files that hold tensors, in name order.
  List<Shard> shards();

  /// Where a tensor's bytes lie: in its file, in the archive that holds the file, or in a scratch
  /// file where they do not lie end to end in either.
  ///
  /// @throws IllegalArgumentException where there is none of that name
  Location locate(String name);

  /// The raw bytes of part of a tensor.
  ///
  /// @param offset from the tensor's first byte
  /// @param into filled from its position to its limit
  /// @throws CheckpointException where the file ends before
  void read(String name, long offset, ByteBuffer into);

  /// Writes all bytes of a tensor to a channel, at the channel's own position.
  ///
  /// @throws CheckpointException where the file ends before
  /// @throws IOException where the channel cannot be written
  default void transfer(String name, WritableByteChannel to) throws IOException {
    long bytes = locate(name).bytes();
    ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(bytes, 1 << 20));
    for (long at = 0; at < bytes; at += chunk.limit()) {
      chunk.clear().limit((int) Math.min(chunk.capacity(), bytes - at));
      read(name, at, chunk);
      chunk.flip();
      while (chunk.hasRemaining()) {
        to.write(chunk);
      }
    }
  }

  /// Files of the directory that hold no tensors: tokenizer, generation config, licence; names
  /// relative to the model's folder, sorted. Neither the config nor the index is among them.
  List<Path> sideFiles();

  /// Where a side file lies on the disk; of an archive, a copy that lasts until this is closed.
  ///
  /// @param name one of {@link #sideFiles}
  /// @throws IllegalArgumentException where it is none of them
  Path sideFile(Path name);

  /// What was odd but not wrong, one line each.
  List<String> warnings();

  @Override
  void close();

  /// A file that holds tensors.
  ///
  /// @param file its name; in an archive `model.tar!/model.safetensors`, which is no path on the disk
  /// @param tensors in the order of their bytes
  /// @param bytes of the whole file
  record Shard(Path file, List<TensorInfo> tensors, long bytes) {}

  /// Bytes `[offset, offset + bytes)` of `file`.
  record Location(Path file, long offset, long bytes) {}
}
