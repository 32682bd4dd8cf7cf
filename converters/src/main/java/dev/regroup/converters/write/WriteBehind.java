package dev.regroup.converters.write;

import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.disk.Uncached;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;

/// Pieces of one file on their way to it: a second thread writes each while the one that read it
/// hashes it, and reads the next. For use by one thread.
final class WriteBehind implements AutoCloseable {
  /// Bytes of a piece at most.
  static final int PIECE = 1 << 20;

  /// Pieces that are read and not written, at most: a disk that falls behind has so many to go on with.
  private static final int PIECES = 8;

  /// The same of bytes that go past the cache: nobody gathers small writes there, so that pieces are large.
  private static final int LARGE_PIECE = 8 << 20;

  private static final int LARGE_PIECES = 6;

  private final DiskFile file;
  private final Executor threads;
  private final int capacity;
  private final List<ByteBuffer> pieces = new ArrayList<>();
  private final List<CompletableFuture<Void>> writes = new ArrayList<>();
  private int next;

  /// The last write, which the next one waits for: a file is best written from first to last.
  private CompletableFuture<Void> last = CompletableFuture.completedFuture(null);

  /// @param uncached whether pieces may be written past the cache
  WriteBehind(DiskFile file, Executor threads, boolean uncached) {
    this.file = file;
    this.threads = threads;
    capacity = uncached ? LARGE_PIECE : PIECE;
    for (int i = 0; i < (uncached ? LARGE_PIECES : PIECES); i++) {
      pieces.add(Uncached.buffer(capacity));
      writes.add(last);
    }
  }

  /// Bytes that a buffer of {@link #free} takes.
  int capacity() {
    return capacity;
  }

  /// A buffer to read a piece with.
  static ByteBuffer piece() {
    return ByteBuffer.allocateDirect(PIECE);
  }

  /// A buffer that nobody needs any more; the same one again if it is not written.
  ///
  /// @throws java.io.UncheckedIOException where the disk refused an earlier piece
  ByteBuffer free() {
    join(writes.get(next));
    return pieces.get(next).clear();
  }

  /// Begins to write the buffer that {@link #free} gave, which may be read meanwhile.
  ///
  /// @param at offset in the file
  /// @param bytes of the buffer, from position to limit
  void write(long at, ByteBuffer bytes) {
    ByteBuffer view = bytes.duplicate();
    write(() -> file.write(at, view));
  }

  /// The same past the cache, of whole blocks.
  void writeUncached(long at, ByteBuffer bytes) {
    ByteBuffer view = bytes.duplicate();
    write(() -> file.writeUncached(at, view));
  }

  private void write(Runnable write) {
    last = last.thenRunAsync(write, threads);
    writes.set(next, last);
    next = (next + 1) % pieces.size();
  }

  /// Waits until everything is written.
  ///
  /// @throws java.io.UncheckedIOException where the disk refused a piece
  void drain() {
    join(last);
  }

  private static void join(CompletableFuture<Void> write) {
    try {
      write.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw e;
      }
    }
  }

  /// Waits until no write is under way, whatever came of them.
  @Override
  public void close() {
    last.handle((_, _) -> null).join();
  }
}
