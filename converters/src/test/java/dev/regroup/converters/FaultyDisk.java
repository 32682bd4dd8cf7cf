package dev.regroup.converters;

import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.system.Sharing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/// A disk that counts the steps of a writer, and at one of them fails or dies. A death leaves half a
/// write behind, lets go of all locks, and refuses everything after it, as if the process were gone.
final class FaultyDisk implements Disk {
  /// What happens at the chosen step.
  enum Fault {
    /// The process is gone, its last write half done.
    KILL,
    /// The process is gone, its last step done.
    KILL_AFTER,
    /// The disk is full, from this write on.
    FULL
  }

  /// Thrown where a process would be gone; nobody may catch it and go on.
  static final class Killed extends Error {
    private static final long serialVersionUID = 1;

    Killed() {
      super("killed");
    }
  }

  private final Fault fault;
  private final int at;
  private final Set<Lock> locks = new HashSet<>();
  private final Set<DiskFile> open = new HashSet<>();
  private int steps;
  private boolean dead;
  private boolean dying;

  /// @param at step, from 1, at which it happens; 0 for never
  FaultyDisk(Fault fault, int at) {
    this.fault = fault;
    this.at = at;
  }

  /// Steps so far; of a full disk, writes.
  synchronized int steps() {
    return steps;
  }

  /// Whether the fault happened.
  synchronized boolean struck() {
    return at > 0 && steps >= at;
  }

  private void requireAlive() {
    if (dead) {
      throw new Killed();
    }
  }

  /// A step that takes no space.
  private synchronized void step(Runnable work) {
    requireAlive();
    if (fault != Fault.FULL && ++steps == at) {
      if (fault == Fault.KILL_AFTER) {
        work.run();
      }
      die();
    }
    work.run();
  }

  /// A step that takes space.
  private synchronized void write(Path file, ByteBuffer bytes, Runnable work) {
    requireAlive();
    boolean now = ++steps >= at && at > 0;
    if (now && fault == Fault.FULL) {
      throw full(file);
    }
    if (now) {
      if (fault == Fault.KILL) {
        bytes.limit(bytes.position() + bytes.remaining() / 2);
      }
      work.run();
      die();
    }
    work.run();
  }

  private static UncheckedIOException full(Path file) {
    return new UncheckedIOException(
        file + ": No space left on device", new IOException("No space left on device"));
  }

  private void die() {
    dead = true;
    dying = true;
    Set.copyOf(open).forEach(DiskFile::close);
    Set.copyOf(locks).forEach(Lock::close);
    dying = false;
    throw new Killed();
  }

  @Override
  public synchronized DiskFile create(Path file) {
    DiskFile[] made = new DiskFile[1];
    if (fault == Fault.FULL) {
      write(file, ByteBuffer.allocate(0), () -> made[0] = LOCAL.create(file));
    } else {
      step(() -> made[0] = LOCAL.create(file));
    }
    return new Counted(made[0]);
  }

  @Override
  public synchronized DiskFile open(Path file) {
    requireAlive();
    return new Counted(LOCAL.open(file));
  }

  @Override
  public synchronized Optional<Lock> lock(Path file) {
    requireAlive();
    return LOCAL
        .lock(file)
        .map(
            lock -> {
              Lock[] self = new Lock[1];
              self[0] =
                  () -> {
                    synchronized (this) {
                      if (!dead || dying) {
                        lock.close();
                        locks.remove(self[0]);
                      }
                    }
                  };
              locks.add(self[0]);
              return self[0];
            });
  }

  @Override
  public void createDirectory(Path directory) {
    step(() -> LOCAL.createDirectory(directory));
  }

  @Override
  public void rename(Path from, Path to) {
    step(() -> LOCAL.rename(from, to));
  }

  @Override
  public boolean exchange(Path one, Path other) {
    boolean[] done = new boolean[1];
    step(() -> done[0] = swaps && LOCAL.exchange(one, other));
    return done[0];
  }

  /// Whether the file system swaps names.
  private boolean swaps = true;

  /// The same disk without swaps.
  FaultyDisk withoutSwaps() {
    swaps = false;
    return this;
  }

  @Override
  public void delete(Path path) {
    step(() -> LOCAL.delete(path));
  }

  @Override
  public void sync(Path directory) {
    step(() -> LOCAL.sync(directory));
  }

  /// A file whose steps count.
  private final class Counted implements DiskFile {
    private final DiskFile file;

    Counted(DiskFile file) {
      this.file = file;
      open.add(this);
    }

    @Override
    public Path path() {
      return file.path();
    }

    @Override
    public void write(long at, ByteBuffer bytes) {
      FaultyDisk.this.write(path(), bytes, () -> file.write(at, bytes));
    }

    @Override
    public void writeUncached(long at, ByteBuffer bytes) {
      FaultyDisk.this.write(path(), bytes, () -> file.write(at, bytes)); // half a block may be left
    }

    @Override
    public void read(long at, ByteBuffer into) {
      synchronized (FaultyDisk.this) {
        requireAlive();
        file.read(at, into);
      }
    }

    @Override
    public long copy(FileChannel source, long from, long count, long at) {
      long[] copied = new long[1];
      FaultyDisk.this.write(
          path(), ByteBuffer.allocate(0), () -> copied[0] = file.copy(source, from, count, at));
      return copied[0];
    }

    @Override
    public Sharing share(Path source, long from, long count, long at) {
      return Sharing.UNSUPPORTED;
    }

    @Override
    public void resize(long bytes) {
      step(() -> file.resize(bytes));
    }

    @Override
    public long size() {
      synchronized (FaultyDisk.this) {
        requireAlive();
        return file.size();
      }
    }

    @Override
    public void force() {
      step(file::force);
    }

    @Override
    public void close() {
      synchronized (FaultyDisk.this) {
        if (!dead || dying) {
          file.close();
          open.remove(this);
        }
      }
    }
  }
}
