package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// One scratch folder on the disk, and the lock that says that its process lives.
///
/// @param lock held on a file in the folder; the system gives it up with the process
record ScratchFolder(Path path, FileChannel lock) {
  private static final String PREFIX = ".regroup-scratch-";
  private static final String LOCK = "in-use";

  /// Folders of this process. Their locks must not be tried: on most systems, closing a file gives up
  /// every lock that the process has on it.
  private static final Set<Path> OURS = ConcurrentHashMap.newKeySet();

  /// Makes a folder that only its owner may enter, and deletes those whose processes were killed.
  ///
  /// @throws java.io.UncheckedIOException where it cannot be made
  static ScratchFolder create(Path given) {
    try {
      Path parent = given.toRealPath(); // so that our folders are known, however it is called
      Path path = Files.createTempDirectory(parent, PREFIX, ownerOnly(parent));
      OURS.add(path);
      // Locked before it has its name: who finds it unlocked may delete the folder.
      Path unnamed = path.resolve(LOCK + ".new");
      FileChannel lock =
          FileChannel.open(unnamed, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      lock.lock();
      Files.move(unnamed, path.resolve(LOCK));
      sweep(parent, path);
      return new ScratchFolder(path, lock);
    } catch (IOException e) {
      throw DiskFailure.at(given, e);
    }
  }

  /// Deletes the folder. What cannot be deleted is no reason to fail what is done.
  void close() {
    try {
      lock.close();
      Files.walkFileTree(path, new Deletion());
      OURS.remove(path);
    } catch (IOException e) {
      path.toFile().deleteOnExit();
    }
  }

  private static FileAttribute<?>[] ownerOnly(Path parent) {
    return parent.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
  }

  // Only what is ours: in a folder that others write to, a name proves nothing.
  private static void sweep(Path parent, Path ours) {
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent, PREFIX + "*")) {
      for (Path folder : folders) {
        boolean mayBeLeft =
            !OURS.contains(folder)
                && Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                && Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(ours))
                && Files.isRegularFile(folder.resolve(LOCK), LinkOption.NOFOLLOW_LINKS);
        if (mayBeLeft && isFree(folder.resolve(LOCK))) {
          Files.walkFileTree(folder, new Deletion());
        }
      }
    } catch (IOException e) {
      // The next one tries again.
    }
  }

  private static boolean isFree(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock()) {
      return lock != null;
    }
  }

  private static final class Deletion extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      Files.deleteIfExists(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
        throws IOException {
      Files.deleteIfExists(directory);
      return FileVisitResult.CONTINUE;
    }
  }
}
