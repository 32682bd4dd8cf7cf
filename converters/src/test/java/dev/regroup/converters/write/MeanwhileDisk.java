package dev.regroup.converters.write;

import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.disk.DiskFile;
import java.nio.file.Path;
import java.util.Optional;

/// This machine's disks; something happens while a lock is waited for.
public record MeanwhileDisk(Runnable meanwhile) implements Disk {
  @Override
  public Optional<Lock> lock(Path file) {
    meanwhile.run();
    return LOCAL.lock(file);
  }

  @Override
  public DiskFile create(Path file) {
    return LOCAL.create(file);
  }

  @Override
  public DiskFile open(Path file) {
    return LOCAL.open(file);
  }

  @Override
  public void createDirectory(Path directory) {
    LOCAL.createDirectory(directory);
  }

  @Override
  public void rename(Path from, Path to) {
    LOCAL.rename(from, to);
  }

  @Override
  public boolean exchange(Path one, Path other) {
    return LOCAL.exchange(one, other);
  }

  @Override
  public void delete(Path path) {
    LOCAL.delete(path);
  }

  @Override
  public void sync(Path directory) {
    LOCAL.sync(directory);
  }
}
