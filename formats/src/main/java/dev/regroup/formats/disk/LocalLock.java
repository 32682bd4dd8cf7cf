package dev.regroup.formats.disk;

import dev.regroup.formats.checkpoint.DiskFailure;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/// A lock on a file that is created for it and deleted with it.
///
/// The kernel's record locks belong to a process, and closing *any* of its descriptors of the file
/// ends them (POSIX, `fcntl`). So a process opens a file that it has locked no second time: neither
/// to lock it once more, which {@link #HELD} prevents, nor to look into it.
final class LocalLock implements Disk.Lock {
  /// The files that this process has locked, or is about to.
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  /// A marked file has from 1 to this many bytes, of which one is written.
  private static final int LARGEST_MARK = 1 << 14;

  private static final int MARKS = 4;

  private final Path file;
  private final FileChannel channel;

  private LocalLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Locks a file; empty where somebody else has it, in this process or another.
  static Optional<Disk.Lock> of(Path given) {
    Path file = real(given);
    if (!HELD.add(file)) {
      return Optional.empty();
    }
    Optional<Disk.Lock> lock = Optional.empty();
    try {
      lock = take(file);
      return lock;
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    } finally {
      if (lock.isEmpty()) {
        HELD.remove(file);
      }
    }
  }

  /// The one path of a file that may not exist yet, however its folder is called.
  private static Path real(Path given) {
    Path absolute = given.toAbsolutePath();
    Path parent = absolute.getParent();
    try {
      return parent == null ? absolute : parent.toRealPath().resolve(absolute.getFileName());
    } catch (IOException e) {
      throw DiskFailure.at(given, e);
    }
  }

  private static Optional<Disk.Lock> take(Path file) throws IOException {
    while (true) {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      boolean mine = false;
      try {
        if (!locked(channel)) {
          return Optional.empty();
        }
        mine = isStill(file, channel);
        if (mine) {
          return Optional.of(new LocalLock(file, channel));
        }
      } finally {
        if (!mine) {
          channel.close(); // of another, or of a file that was deleted: a lock on nothing
        }
      }
    }
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException _) {
      return false; // held by this process, through a hard link
    }
  }

  /// Whether the file of this name is the one that is open: the length that one is given, the other
  /// shows.
  private static boolean isStill(Path file, FileChannel channel) throws IOException {
    for (int i = 0; i < MARKS; i++) {
      int length = ThreadLocalRandom.current().nextInt(LARGEST_MARK) + 1;
      channel.truncate(length);
      channel.write(ByteBuffer.wrap(new byte[1]), length - 1L);
      try {
        if (Files.size(file) != length) {
          return false;
        }
      } catch (NoSuchFileException _) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    if (!channel.isOpen()) {
      return; // by now the name may be of another's lock
    }
    try {
      Files.deleteIfExists(file); // first: who opens it now finds a lock, or another file
      channel.close();
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    } finally {
      HELD.remove(file);
    }
  }
}
