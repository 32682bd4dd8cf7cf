package dev.regroup.converters.write;

import dev.regroup.converters.source.FiniteCheck;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.disk.Uncached;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Optional;
import java.util.function.LongConsumer;

/// Copies one run of unchanged tensors into a file, hashes it and looks through it on the way: bytes
/// that go through a buffer are read once. What the kernel copies, or lets both files share, is read
/// back from the output.
final class RunCopy {
  /// Bytes that the kernel copies at a time, to be read back while they are in memory.
  private static final long STRIDE = 8L << 20;

  private static final byte[] ZEROS = new byte[1 << 20];

  /// Bytes that are looked through and then hashed: few enough to be still at hand for the second.
  private static final int AT_HAND = 1 << 17;

  private final Segment.Kept run;
  private final FileChannel source;
  private final Optional<FileChannel> uncached;
  private final Target to;

  /// The tensor that is looked through next, and where it begins in the source.
  private int tensor;

  private long begin;

  /// Whether the output has the run's bytes already.
  private boolean shared;

  private RunCopy(Segment.Kept run, FileChannel source, Optional<FileChannel> uncached, Target to) {
    this.run = run;
    this.source = source;
    this.uncached = uncached;
    this.to = to;
    begin = run.from();
  }

  /// Where a run goes.
  ///
  /// @param at offset in the file
  /// @param behind writes to the file
  /// @param digest given the run's bytes
  /// @param progress told of bytes that are done
  record Target(
      DiskFile file,
      long at,
      CopyOptions options,
      WriteBehind behind,
      MessageDigest digest,
      LongConsumer progress) {}

  /// Copies a run.
  ///
  /// @throws CheckpointException where the source ends early, or an element is not finite
  /// @throws java.io.UncheckedIOException where a disk refuses
  static void copy(Segment.Kept run, Target to) {
    try (FileChannel source = FileChannel.open(run.source(), StandardOpenOption.READ);
        Extents extents = Extents.of(run.source(), to.options().sparse());
        Closing past = new Closing(uncached(run, to))) {
      new RunCopy(run, source, past.channel(), to).copy(extents);
    } catch (IOException e) {
      throw DiskFailure.at(run.source(), e);
    }
  }

  /// The source past the cache, where that is wanted, and both files have their blocks at the same bytes.
  private static Optional<FileChannel> uncached(Segment.Kept run, Target to) throws IOException {
    return to.options().uncached() && (to.at() - run.from()) % Uncached.BLOCK == 0
        ? Uncached.open(run.source(), StandardOpenOption.READ)
        : Optional.empty();
  }

  /// Closes a channel, if there is one.
  private record Closing(Optional<FileChannel> channel) implements AutoCloseable {
    @Override
    public void close() throws IOException {
      if (channel.isPresent()) {
        channel.get().close();
      }
    }
  }

  private void copy(Extents extents) throws IOException {
    LinkMode link = to.options().link();
    shared = link != LinkMode.COPY && SharedBlocks.share(run, source, to.file(), to.at(), link);
    if (!to.options().sparse()) {
      data(run.from(), run.from() + run.count());
      return;
    }
    long first = run.from();
    for (TensorInfo each : run.tensors()) {
      long end = first + each.bytes();
      for (long at = first; at < end; ) {
        long count = extents.next(at, end, first);
        if (count < 0) {
          zeros(-count); // a hole stays one
        } else {
          data(at, at + count);
        }
        at += Math.abs(count);
      }
      first = end;
    }
  }

  /// Where a byte of the source lies in the output.
  private long output(long at) {
    return to.at() + at - run.from();
  }

  private void zeros(long count) {
    for (long done = 0; done < count; ) {
      int zeros = (int) Math.min(ZEROS.length, count - done);
      to.digest().update(ZEROS, 0, zeros);
      done += zeros;
      to.progress().accept(zeros);
    }
  }

  /// Both ends lie between elements.
  private void data(long from, long end) throws IOException {
    boolean kernel = to.options().kernel() && !shared;
    for (long at = from; at < end; ) {
      if (!kernel && !shared) {
        at = uncached.isPresent() ? passBlocks(uncached.get(), at, end) : pass(at, end);
        continue;
      }
      long until = betweenElements(Math.min(end, at + (kernel ? STRIDE : WriteBehind.PIECE)));
      if (kernel) {
        copy(run, source, to.file(), at, until - at, output(at));
      }
      readBack(at, until);
      at = until;
    }
  }

  /// Passes a piece on, through the cache.
  ///
  /// @return where it ended
  private long pass(long from, long limit) throws IOException {
    long end = betweenElements(Math.min(limit, from + to.behind().capacity()));
    ByteBuffer piece = read(source, from, end);
    to.behind().write(output(from), piece);
    take(piece, from);
    return end;
  }

  /// The same past the cache, but for what comes before the first whole block and behind the last.
  private long passBlocks(FileChannel past, long from, long limit) throws IOException {
    long first = from + Uncached.BLOCK - 1 & -Uncached.BLOCK;
    long end = Math.min(limit & -Uncached.BLOCK, first + to.behind().capacity());
    if (end <= first || betweenElements(first) != first || betweenElements(end) != end) {
      return pass(from, limit);
    }
    if (first > from) {
      return pass(from, first);
    }
    ByteBuffer piece = read(past, from, end);
    to.behind().writeUncached(output(from), piece);
    take(piece, from);
    return end;
  }

  /// Bytes `[from, end)`, in a buffer that is free.
  private ByteBuffer read(FileChannel channel, long from, long end) throws IOException {
    ByteBuffer piece = to.behind().free().limit((int) (end - from));
    while (piece.hasRemaining()) {
      boolean whole = piece.position() % Uncached.BLOCK == 0; // a file that shrank ends anywhere
      FileChannel next = whole ? channel : source;
      if (next.read(piece, from + piece.position()) < 0) {
        throw shrank(run, from + piece.position());
      }
    }
    return piece.flip();
  }

  private void readBack(long from, long end) {
    for (long at = from; at < end; ) {
      long until = betweenElements(Math.min(end, at + WriteBehind.PIECE));
      ByteBuffer piece = to.behind().free().limit((int) (until - at));
      to.file().read(output(at), piece);
      take(piece.flip(), at);
      at = until;
    }
  }

  private void take(ByteBuffer piece, long from) {
    int end = piece.limit();
    for (int at = 0; at < end; at = piece.limit()) {
      int until = (int) (betweenElements(from + Math.min(end, at + AT_HAND)) - from);
      piece.limit(until).position(at);
      if (to.options().checked()) {
        check(piece.slice(), from + at);
      }
      to.digest().update(piece);
    }
    to.progress().accept(end);
  }

  private void check(ByteBuffer piece, long from) {
    for (int done = 0; done < piece.limit(); ) {
      TensorInfo info = run.tensors().get(tensor);
      long end = begin + info.bytes();
      if (end <= from + done) {
        begin = end;
        tensor++;
        continue;
      }
      int count = (int) Math.min(piece.limit() - done, end - from - done);
      ByteBuffer part = piece.duplicate().limit(done + count).position(done);
      FiniteCheck.require(info.name(), info.dtype(), from + done - begin, part);
      done += count;
    }
  }

  /// The last place up to a limit that lies between elements.
  private long betweenElements(long limit) {
    if (!to.options().checked()) {
      return limit; // nobody looks at elements
    }
    int index = tensor;
    long first = begin;
    while (first + run.tensors().get(index).bytes() < limit) {
      first += run.tensors().get(index).bytes();
      index++;
    }
    TensorInfo within = run.tensors().get(index);
    return first + within.bytes() == limit
        ? limit
        : limit - (limit - first) % Math.max(1, within.dtype().bits() / 8);
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
