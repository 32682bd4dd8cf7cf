package dev.regroup.formats.disk;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.system.RawFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;

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
    try {
      while (true) {
        FileChannel channel =
            FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (!locked(channel)) {
          channel.close();
          return Optional.empty();
        }
        if (isStill(file, channel)) {
          return Optional.of(() -> unlock(file, channel));
        }
        channel.close(); // whoever had it deleted the file: the lock is on nothing
      }
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException _) {
      return false;
    }
  }

  /// Whether the file of this name is the one that is open: what one writes the other shows.
  private static boolean isStill(Path file, FileChannel channel) throws IOException {
    try {
      BasicFileAttributes named = Files.readAttributes(file, BasicFileAttributes.class);
      if (named.fileKey() == null) {
        return true; // a platform without inodes, where an open file cannot be deleted
      }
      byte[] mark = UUID.randomUUID().toString().getBytes(StandardCharsets.US_ASCII);
      channel.write(ByteBuffer.wrap(mark), 0);
      return Arrays.equals(Files.readAllBytes(file), mark);
    } catch (NoSuchFileException _) {
      return false;
    }
  }

  private static void unlock(Path file, FileChannel channel) {
    try {
      Files.deleteIfExists(file);
      channel.close();
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
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
