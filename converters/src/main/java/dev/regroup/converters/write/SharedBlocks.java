package dev.regroup.converters.write;

import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.system.Sharing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;

/// Lets an output share a run's blocks with its source, where the file system can.
final class SharedBlocks {
  /// File systems share whole blocks of so many bytes.
  private static final long BLOCK = 4096;

  private SharedBlocks() {}

  /// Makes the output hold a run by sharing its whole blocks and copying what lies before and
  /// behind them; false, and nothing done, where that cannot be.
  ///
  /// @throws UncheckedIOException where the mode insists and the file system shares nothing
  static boolean share(
      Segment.Kept run, FileChannel source, DiskFile into, long at, LinkMode mode) {
    long first = roundUp(run.from());
    long last = (run.from() + run.count()) / BLOCK * BLOCK;
    boolean aligned = Math.floorMod(run.from() - at, BLOCK) == 0 && last > first;
    long shift = at - run.from();
    // Where sharing is insisted on, the question is put even of blocks that do not line up: a file
    // system that shares nothing says so first.
    Sharing sharing =
        aligned || (mode == LinkMode.REFLINK && last > first)
            ? into.share(run.source(), first, last - first, first + shift)
            : Sharing.UNALIGNED;
    return switch (sharing) {
      case SHARED -> {
        RunCopy.copy(run, source, into, run.from(), first - run.from(), at);
        long rest = run.from() + run.count() - last;
        RunCopy.copy(run, source, into, last, rest, last + shift);
        yield true;
      }
      case UNALIGNED -> false;
      case UNSUPPORTED -> {
        if (mode == LinkMode.REFLINK) {
          String line =
              "%s: expected a file system that shares blocks (btrfs, XFS), the same as the source's %s, found none -> use --link auto"
                  .formatted(into.path(), run.source());
          throw new UncheckedIOException(line, new IOException(line));
        }
        yield false;
      }
    };
  }

  private static long roundUp(long offset) {
    return (offset + BLOCK - 1) / BLOCK * BLOCK;
  }
}
