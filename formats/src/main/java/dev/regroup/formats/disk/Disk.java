package dev.regroup.formats.disk;

import java.nio.file.Path;
import java.util.Optional;

/// What an output's writer asks of a disk: every step that changes something goes through here.
///
/// All methods throw {@link java.io.UncheckedIOException}, whose message begins with the path, where
/// the disk refuses.
public interface Disk {
  /// The disks of this machine.
  Disk LOCAL = new LocalDisk();

  /// Creates a file that does not exist yet, for reading and writing.
  DiskFile create(Path file);

  /// Opens a file that exists, for reading and writing.
  DiskFile open(Path file);

  /// Takes a lock that the kernel holds for this process, so that it ends with the process; empty
  /// where somebody else has it. The file is created where it is missing, and deleted when the lock
  /// is closed.
  Optional<Lock> lock(Path file);

  /// Creates a directory whose parent exists.
  void createDirectory(Path directory);

  /// Gives a file or directory another name on the same disk in one step, replacing a file (and an
  /// empty directory) of that name.
  void rename(Path from, Path to);

  /// Swaps two names in one step; false, and nothing done, where the file system cannot.
  boolean exchange(Path one, Path other);

  /// Deletes a file or an empty directory.
  void delete(Path path);

  /// Forces the names in a directory to the disk.
  void sync(Path directory);

  /// Held until it is closed.
  interface Lock extends AutoCloseable {
    @Override
    void close();
  }
}
