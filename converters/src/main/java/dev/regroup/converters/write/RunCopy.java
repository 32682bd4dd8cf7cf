package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.disk.DiskFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;

/// Copies one run of unchanged tensors into a file: as blocks that are shared, in the kernel, or
/// through a buffer.
final class RunCopy {
  /// Bytes that go through a buffer at a time; a multiple of every element.
  private static final int PIECE = 1 << 20;

  private final Segment.Kept run;
  private final FileChannel source;
  private final Target to;
  private final ByteBuffer piece = piece();

  private RunCopy(Segment.Kept run, FileChannel source, Target to) {
    this.run = run;
    this.source = source;
    this.to = to;
  }

  /// Where a run goes.
  ///
  /// @param at offset in the file
  /// @param front told of what is copied
  record Target(DiskFile file, long at, CopyOptions options, CopyFront front) {}

  /// A buffer that copies and hashes work with; one a thread.
  static ByteBuffer piece() {
    return ByteBuffer.allocateDirect(PIECE);
  }

  /// Copies a run.
  ///
  /// @throws CheckpointException where the source ends early
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
    LinkMode link = to.options().link();
    long end = run.from() + run.count();
    if (link != LinkMode.COPY && SharedBlocks.share(run, source, to.file(), to.at(), link)) {
      to.front().copied(to.at() + run.count());
      return;
    }
    for (long at = run.from(); at < end; ) {
      long next = extents.next(at, end, run.from());
      long until = at + Math.min(Math.abs(next), CopyFront.STRIDE);
      if (next < 0) {
        until = at - next; // a hole stays one
      } else if (to.options().kernel()) {
        copy(run, source, to.file(), at, until - at, output(at));
      } else {
        write(at, until);
      }
      at = until;
      to.front().copied(output(at));
    }
  }

  /// Where a byte of the source lies in the output.
  private long output(long at) {
    return to.at() + at - run.from();
  }

  /// Copies through a buffer.
  private void write(long from, long end) throws IOException {
    for (long at = from; at < end; ) {
      piece.clear().limit((int) Math.min(PIECE, end - at));
      if (source.read(piece, at) < 0) {
        throw shrank(run, at);
      }
      int count = piece.position();
      to.file().write(output(at), piece.flip());
      at += count;
    }
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
