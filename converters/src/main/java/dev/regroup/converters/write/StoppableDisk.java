package dev.regroup.converters.write;

import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.disk.DiskFile;
import dev.regroup.formats.system.Sharing;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;

/// A disk for a process that may be told to end. Once it is stopped no thread begins a step any more
/// but the one that stopped it; the others wait for the process to be gone.
final class StoppableDisk implements Disk {
  /// How long a step under way is waited for.
  private static final long PATIENCE_SECONDS = 5;

  private final Disk disk;
  private final ReentrantReadWriteLock steps = new ReentrantReadWriteLock();

  StoppableDisk(Disk disk) {
    this.disk = disk;
  }

  /// Waits for the steps under way, and lets no others begin.
  ///
  /// @return false, and nothing is stopped, where a step takes too long
  boolean stop() {
    try {
      return steps.writeLock().tryLock(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private <T> T step(Supplier<T> step) {
    steps.readLock().lock();
    try {
      return step.get();
    } finally {
      steps.readLock().unlock();
    }
  }

  private void run(Runnable step) {
    steps.readLock().lock();
    try {
      step.run();
    } finally {
      steps.readLock().unlock();
    }
  }

  @Override
  public DiskFile create(Path file) {
    return step(() -> new StoppableFile(disk.create(file)));
  }

  @Override
  public DiskFile open(Path file) {
    return step(() -> new StoppableFile(disk.open(file)));
  }

  @Override
  public Optional<Lock> lock(Path file) {
    return step(() -> disk.lock(file));
  }

  @Override
  public void createDirectory(Path directory) {
    run(() -> disk.createDirectory(directory));
  }

  @Override
  public void rename(Path from, Path to) {
    run(() -> disk.rename(from, to));
  }

  @Override
  public boolean exchange(Path one, Path other) {
    return step(() -> disk.exchange(one, other));
  }

  @Override
  public void delete(Path path) {
    run(() -> disk.delete(path));
  }

  @Override
  public void sync(Path directory) {
    run(() -> disk.sync(directory));
  }

  /// A file on it.
  private final class StoppableFile implements DiskFile {
    private final DiskFile file;

    StoppableFile(DiskFile file) {
      this.file = file;
    }

    @Override
    public Path path() {
      return file.path();
    }

    @Override
    public void write(long at, ByteBuffer bytes) {
      run(() -> file.write(at, bytes));
    }

    @Override
    public void writeUncached(long at, ByteBuffer bytes) {
      run(() -> file.writeUncached(at, bytes));
    }

    @Override
    public void read(long at, ByteBuffer into) {
      file.read(at, into);
    }

    @Override
    public long copy(FileChannel source, long from, long count, long at) {
      return step(() -> file.copy(source, from, count, at));
    }

    @Override
    public Sharing share(Path source, long from, long count, long at) {
      return step(() -> file.share(source, from, count, at));
    }

    @Override
    public void resize(long bytes) {
      run(() -> file.resize(bytes));
    }

    @Override
    public long size() {
      return file.size();
    }

    @Override
    public void force() {
      run(file::force);
    }

    @Override
    public void close() {
      file.close();
    }
  }
}
