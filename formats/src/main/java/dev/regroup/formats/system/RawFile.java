package dev.regroup.formats.system;

import java.nio.file.Path;
import java.util.Optional;

/// A file opened beside the JDK, for the calls that the JDK does not make. Safe for use by several
/// threads, as long as each asks for holes through a file of its own.
public final class RawFile implements AutoCloseable {
  private static final int READ_ONLY = 0x80000; // O_RDONLY | O_CLOEXEC
  private static final int READ_WRITE = 0x80002; // O_RDWR | O_CLOEXEC
  private static final int SEEK_DATA = 3;
  private static final int SEEK_HOLE = 4;
  private static final long CLONE_RANGE = 0x4020940dL; // FICLONERANGE
  private static final int INVALID = -22; // EINVAL
  private static final int NO_DATA = -6; // ENXIO

  private final CLibrary library;
  private final int descriptor;

  private RawFile(CLibrary library, int descriptor) {
    this.library = library;
    this.descriptor = descriptor;
  }

  /// Opens a file; empty where this platform has no such calls, or the file cannot be opened.
  public static Optional<RawFile> open(Path file, boolean forWriting) {
    Optional<CLibrary> library = CLibrary.linked();
    if (library.isEmpty()) {
      return Optional.empty();
    }
    int descriptor = library.get().open(file, forWriting ? READ_WRITE : READ_ONLY);
    return descriptor < 0 ? Optional.empty() : Optional.of(new RawFile(library.get(), descriptor));
  }

  /// The first byte at or after `from` that is not in a hole, or `end` where all of
  /// `[from, end)` is one.
  public long data(long from, long end) {
    long found = library.seek(descriptor, from, SEEK_DATA);
    if (found == NO_DATA) {
      return end;
    }
    return found < 0 ? from : Math.min(found, end);
  }

  /// The first byte after `from` that begins a hole, or `end` where none does before.
  public long hole(long from, long end) {
    long found = library.seek(descriptor, from, SEEK_HOLE);
    return found < 0 ? end : Math.min(found, end);
  }

  /// Lets bytes `[at, at + count)` of this file share the blocks of another's
  /// `[from, from + count)`: a copy that takes no space until one of the two is changed.
  public Sharing share(RawFile source, long from, long count, long at) {
    int result = library.control(descriptor, CLONE_RANGE, source.descriptor, from, count, at);
    if (result == 0) {
      return Sharing.SHARED;
    }
    return result == INVALID ? Sharing.UNALIGNED : Sharing.UNSUPPORTED;
  }

  /// Swaps two names in one step; false where the file system cannot.
  public static boolean exchange(Path one, Path other) {
    return CLibrary.linked().isPresent() && CLibrary.linked().get().exchange(one, other) == 0;
  }

  @Override
  public void close() {
    library.close(descriptor);
  }
}
