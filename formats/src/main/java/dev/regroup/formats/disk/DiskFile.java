package dev.regroup.formats.disk;

import dev.regroup.formats.system.Sharing;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/// A file of an output, open for writing. Positional writes and reads are safe for several threads;
/// copies into one file wait for each other.
///
/// All methods throw {@link java.io.UncheckedIOException}, whose message begins with the path, where
/// the disk refuses.
public interface DiskFile extends AutoCloseable {
  /// Where it lies.
  Path path();

  /// Writes bytes, from position to limit, at offset `at`.
  void write(long at, ByteBuffer bytes);

  /// The same past the system's cache where the file system can; see {@link Uncached}.
  ///
  /// @param at a multiple of {@link Uncached#BLOCK}
  /// @param bytes a multiple of it, in a buffer of {@link Uncached#buffer}
  void writeUncached(long at, ByteBuffer bytes);

  /// Fills `into`, from position to limit, with what lies at offset `at`.
  void read(long at, ByteBuffer into);

  /// Copies bytes `[from, from + count)` of another file to offset `at`, in the kernel.
  ///
  /// @return how many were copied: at most `count`, and 0 only where the source ends at `from`
  long copy(FileChannel source, long from, long count, long at);

  /// Makes bytes `[from, from + count)` of another file appear at offset `at` without copying them:
  /// both share the blocks until one of them is changed.
  Sharing share(Path source, long from, long count, long at);

  /// Makes the file so long; what was never written reads as zeros and takes no space.
  void resize(long bytes);

  /// Bytes of the file.
  long size();

  /// Forces everything written to the disk.
  void force();

  @Override
  void close();
}
