package dev.regroup.converters.write;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A directory that appears whole or not at all.
///
/// Files are written into a staging directory beside the target, and one rename makes it the target. A
/// lock beside it (held by the kernel, so that it dies with the process) keeps a second run out; what a
/// killed run left behind is removed by the next. Closed without {@link #commit}, it leaves nothing.
public final class TargetDirectory implements AutoCloseable {
  private final Path target;
  private final Path staging;
  private final Path lockFile;
  private final boolean overwrite;
  private @Nullable FileChannel lockChannel;
  private final Thread onExit = new Thread(this::discard, "discard-staging");

  private TargetDirectory(Path target, boolean overwrite) {
    this.target = target;
    this.overwrite = overwrite;
    String name = target.getFileName().toString();
    staging = target.resolveSibling("." + name + ".partial");
    lockFile = target.resolveSibling("." + name + ".lock");
  }

  /// Begins writing `target`.
  ///
  /// @param source refused as the target, or as a folder around or inside it
  /// @param bytes that will be written; the disk must have them and 2 % to spare
  /// @param overwrite whether an existing target is replaced, at the commit and not before
  /// @throws UncheckedIOException where the target exists, cannot be written or does not fit
  public static TargetDirectory open(Path target, Path source, long bytes, boolean overwrite) {
    Path absolute = target.toAbsolutePath().normalize();
    if (absolute.getFileName() == null) {
      throw failure(absolute, "expected a directory to create, found the root");
    }
    var directory = new TargetDirectory(absolute, overwrite);
    directory.check(source.toAbsolutePath().normalize(), bytes);
    directory.begin();
    return directory;
  }

  /// Where files are written until the commit.
  public Path staging() {
    return staging;
  }

  /// Makes the staging directory the target: it is synced, renamed, and its parent synced.
  public void commit() {
    try {
      sync(staging);
      Path replaced = target.resolveSibling("." + target.getFileName() + ".replaced");
      boolean replaces = Files.exists(target, LinkOption.NOFOLLOW_LINKS);
      if (replaces) {
        deleteTree(replaced);
        Files.move(target, replaced, StandardCopyOption.ATOMIC_MOVE);
      }
      Files.move(staging, target, StandardCopyOption.ATOMIC_MOVE);
      sync(parent());
      if (replaces) {
        deleteTree(replaced);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(target + ": could not commit: " + reason(e), e);
    }
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(onExit);
    } catch (IllegalStateException _) {
      return; // the process is ending: the hook does the rest
    }
    discard();
  }

  private void check(Path source, long bytes) {
    if (target.equals(source) || target.startsWith(source) || source.startsWith(target)) {
      throw failure(target, "expected a folder apart from the source %s".formatted(source));
    }
    refuseExisting();
    Path parent = parent();
    if (!Files.isDirectory(parent)) {
      throw failure(target, "its folder %s does not exist -> create it first".formatted(parent));
    }
    try {
      FileStore store = Files.getFileStore(parent);
      long needed = bytes + bytes / 50;
      if (store.getUsableSpace() < needed) {
        throw failure(
            target,
            "the disk has %,d bytes free, %,d are needed -> free some, or choose another disk"
                .formatted(store.getUsableSpace(), needed));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(target + ": " + reason(e), e);
    }
  }

  private void refuseExisting() {
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS) && !overwrite) {
      throw failure(
          target, "exists already -> choose another target, or replace it with --overwrite");
    }
  }

  private void begin() {
    try {
      lockChannel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!locked(lockChannel)) {
        lockChannel.close();
        lockChannel = null;
        throw failure(target, "another run is writing it -> wait for it, or choose another target");
      }
      recover();
      deleteTree(staging);
      try {
        refuseExisting(); // again: it may just have been recovered, or finished by another run
      } catch (UncheckedIOException e) {
        discard();
        throw e;
      }
      Files.createDirectory(staging);
      Runtime.getRuntime().addShutdownHook(onExit);
    } catch (IOException e) {
      throw new UncheckedIOException(
          target + ": cannot be written: " + reason(e) + " -> choose a folder you may write to", e);
    }
  }

  /// A run that was killed between the two renames of a replacement left the old target aside.
  private void recover() throws IOException {
    Path replaced = target.resolveSibling("." + target.getFileName() + ".replaced");
    if (!Files.exists(replaced, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      deleteTree(replaced);
    } else {
      Files.move(replaced, target, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException _) {
      return false;
    }
  }

  private synchronized void discard() {
    FileChannel channel = lockChannel;
    if (channel == null) {
      return;
    }
    lockChannel = null;
    try {
      deleteTree(staging);
      Files.deleteIfExists(lockFile);
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(staging + ": could not be removed: " + reason(e), e);
    }
  }

  private Path parent() {
    Path parent = target.getParent();
    return parent == null ? target : parent;
  }

  private static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(root)) {
      paths = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.delete(path);
    }
  }

  private static UncheckedIOException failure(Path where, String what) {
    String message = where + ": " + what;
    return new UncheckedIOException(message, new IOException(message));
  }

  private static String reason(IOException e) {
    String named =
        e instanceof FileSystemException file && file.getReason() != null
            ? file.getReason()
            : e.getMessage();
    return named == null ? e.getClass().getSimpleName() : named;
  }
}
