package dev.regroup.converters.write;

import dev.regroup.formats.system.RawFile;
import java.nio.file.Path;
import java.util.Optional;

/// Where a file holds data, and where it has a hole that reads as zeros.
final class Extents implements AutoCloseable {
  /// Elements of every dtype lie on multiples of this from their tensor's start.
  static final int WIDEST = 16;

  private final Optional<RawFile> file;

  private Extents(Optional<RawFile> file) {
    this.file = file;
  }

  /// The extents of a file; where they cannot be known, all of it is data.
  ///
  /// @param wanted false where the caller does not care about holes
  static Extents of(Path file, boolean wanted) {
    return new Extents(wanted ? RawFile.open(file, false) : Optional.empty());
  }

  /// What `[from, end)` begins with: so many bytes of data, or, negative, so many of a hole. Both
  /// end between elements.
  ///
  /// @param tensor where the tensor of these bytes begins
  long next(long from, long end, long tensor) {
    if (file.isEmpty()) {
      return end - from;
    }
    long data = file.get().data(from, end);
    long begin = data == end ? end : tensor + (data - tensor) / WIDEST * WIDEST;
    if (begin > from) {
      return from - begin;
    }
    long hole = file.get().hole(data, end);
    return Math.min(end, tensor + (hole - tensor + WIDEST - 1) / WIDEST * WIDEST) - from;
  }

  @Override
  public void close() {
    file.ifPresent(RawFile::close);
  }
}
