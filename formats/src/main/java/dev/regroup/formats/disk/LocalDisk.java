package dev.regroup.formats.disk;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.system.RawFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/// The disks of this machine.
final class LocalDisk implements Disk {
  @Override
  public DiskFile create(Path file) {
    try {
      return new LocalFile(
          file,
          FileChannel.open(
              file,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE));
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  @Override
  public DiskFile open(Path file) {
    try {
      return new LocalFile(
          file, FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE));
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  @Override
  public Optional<Lock> lock(Path file) {
    return LocalLock.of(file);
  }

  @Override
  public void createDirectory(Path directory) {
    try {
      Files.createDirectory(directory);
    } catch (IOException e) {
      throw DiskFailure.at(directory, e);
    }
  }

  @Override
  public void rename(Path from, Path to) {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw DiskFailure.at(to, e);
    }
  }

  @Override
  public boolean exchange(Path one, Path other) {
    return RawFile.exchange(one, other);
  }

  @Override
  public void delete(Path path) {
    try {
      Files.delete(path);
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  @Override
  public void sync(Path directory) {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      throw DiskFailure.at(directory, e);
    }
  }
}
