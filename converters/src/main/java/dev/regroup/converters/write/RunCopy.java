package dev.regroup.converters.write;

import dev.regroup.converters.source.FiniteCheck;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.function.LongConsumer;

/// Copies one run of unchanged tensors into a file, and reads it once to hash and to check it: a
/// few megabytes are read, then the kernel copies them while they are still in memory.
final class RunCopy {
  /// Bytes read at a time; a multiple of every element.
  private static final int PIECE = 1 << 20;

  /// Bytes copied at a time.
  private static final long STRIDE = 8L << 20;

  private static final byte[] ZEROS = new byte[PIECE];

  private final Segment.Kept run;
  private final FileChannel source;
  private final Target to;

  /// What was read and is still to be copied: `[copied, read)` of the source.
  private long copied;

  private long read;

  /// Whether the output holds the run already: it is only read.
  private final boolean shared;

  private RunCopy(Segment.Kept run, FileChannel source, Target to) {
    this.run = run;
    this.source = source;
    this.to = to;
    copied = run.from();
    read = run.from();
    shared =
        to.options().link() != LinkMode.COPY
            && SharedBlocks.share(run, source, to.file(), to.at(), to.options().link());
  }

  /// Where a run goes, and who hears of it.
  ///
  /// @param at offset in the file
  /// @param piece to work with, see {@link #piece}
  /// @param digest given the run's bytes
  /// @param progress told of bytes that are done
  record Target(
      DiskFile file,
      long at,
      CopyOptions options,
      ByteBuffer piece,
      MessageDigest digest,
      LongConsumer progress) {}

  /// A buffer that copies work with; one a thread.
  static ByteBuffer piece() {
    return ByteBuffer.allocateDirect(PIECE);
  }

  /// Copies a run.
  ///
  /// @throws CheckpointException where the source ends early, or an element is not finite
  /// @throws java.io.UncheckedIOException where a disk refuses
  static void copy(Segment.Kept run, Target to) {
    try (FileChannel source = FileChannel.open(run.source(), StandardOpenOption.READ);
        Extents extents = Extents.of(run.source(), to.options().sparse())) {
      new RunCopy(run, source, to).copy(extents);
    } catch (IOException e) {
      throw DiskFailure.at(run.source(), e);
    }
  }

  private void copy(Extents extents) throws IOException {
    long begin = run.from();
    for (TensorInfo tensor : run.tensors()) {
      long end = begin + tensor.bytes();
      while (read < end) {
        long next = extents.next(read, end, begin);
        if (next < 0) {
          skip(-next);
        } else {
          read(tensor, begin, read + next);
        }
      }
      begin = end;
    }
    copyPending();
  }

  /// Leaves a hole as it is.
  private void skip(long count) throws IOException {
    copyPending();
    for (long end = read + count; read < end; ) {
      int zeros = (int) Math.min(PIECE, end - read);
      to.digest().update(ZEROS, 0, zeros);
      read += zeros;
      to.progress().accept(zeros);
    }
    copied = read;
  }

  /// Reads data up to `end` of the source.
  private void read(TensorInfo tensor, long begin, long end) throws IOException {
    while (read < end) {
      ByteBuffer piece = to.piece().clear().limit((int) Math.min(PIECE, end - read));
      while (piece.hasRemaining()) {
        if (source.read(piece, read + piece.position()) < 0) {
          throw shrank(run, read + piece.position());
        }
      }
      piece.flip();
      if (to.options().checked()) {
        FiniteCheck.require(tensor.name(), tensor.dtype(), read - begin, piece);
      }
      to.digest().update(piece.duplicate());
      int count = piece.limit();
      if (!shared && to.options().link() == LinkMode.COPY) {
        to.file().write(to.at() + read - run.from(), piece);
        copied += count;
      }
      read += count;
      if (read - copied >= STRIDE) {
        copyPending();
      }
      to.progress().accept(count);
    }
  }

  private void copyPending() throws IOException {
    if (!shared) {
      copy(run, source, to.file(), copied, read - copied, to.at() + copied - run.from());
    }
    copied = read;
  }

  /// Copies bytes `[from, from + count)` of the source in the kernel.
  static void copy(
      Segment.Kept run, FileChannel source, DiskFile into, long from, long count, long at) {
    for (long done = 0; done < count; ) {
      long moved = into.copy(source, from + done, count - done, at + done);
      if (moved <= 0) {
        throw shrank(run, from + done);
      }
      done += moved;
    }
  }

  private static CheckpointException shrank(Segment.Kept run, long at) {
    return new CheckpointException(
        "%s: ends at byte %d or before, it was longer when it was opened -> something is writing to it"
            .formatted(run.source(), at));
  }
}
