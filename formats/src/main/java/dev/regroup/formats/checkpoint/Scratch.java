package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// A private folder for what cannot be read where it lies (members of compressed archives, tensors
/// that are stored transposed) and for what does not fit in memory.
///
/// It is made when it is first needed, nobody else may enter it, and it is deleted on closing, or
/// when the process ends; what a killed process left is deleted by the next one. Safe for use by several threads.
public final class Scratch implements AutoCloseable {
  /// Bytes of the disk that are left to others.
  private static final long RESERVE = 64L << 20;

  private static final Set<ScratchFolder> OPEN = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> OPEN.forEach(ScratchFolder::close), "delete-scratch"));
  }

  private final Path parent;
  private final List<OpenFile> open = new ArrayList<>();
  private @Nullable ScratchFolder folder;
  private int files;

  private Scratch(Path parent) {
    this.parent = parent;
  }

  /// A scratch folder in a given one, which must exist when it is first used.
  public static Scratch in(Path parent) {
    return new Scratch(parent);
  }

  /// A scratch folder where the platform keeps temporary files.
  public static Scratch temporary() {
    return in(temporaryFolder());
  }

  /// Where the platform keeps temporary files.
  public static Path temporaryFolder() {
    return Path.of(System.getProperty("java.io.tmpdir", "."));
  }

  /// The folder, made on first use.
  ///
  /// @throws java.io.UncheckedIOException where it cannot be made
  public synchronized Path folder() {
    if (folder == null) {
      folder = ScratchFolder.create(parent);
      OPEN.add(folder);
    }
    return folder.path();
  }

  /// A file in the folder that does not exist yet.
  public synchronized Path newFile() {
    return folder().resolve("scratch-" + files++);
  }

  /// Opens a file of the folder, which is closed before the folder is deleted.
  public synchronized OpenFile open(ModelFile file) {
    OpenFile opened = OpenFile.open(file);
    open.add(opened);
    return opened;
  }

  /// Refuses to take more than the disk has to spare.
  ///
  /// @throws java.io.UncheckedIOException where fewer than `bytes` bytes are free
  public void requireSpace(long bytes) {
    Path where = folder();
    try {
      FileStore store = Files.getFileStore(where);
      long free = Math.max(0, store.getUsableSpace() - RESERVE);
      if (bytes > free) {
        throw DiskFailure.at(
            parent,
            new IOException(
                "scratch files need %d bytes more, %d are free -> free some, or choose another folder"
                    .formatted(bytes, free)));
      }
    } catch (IOException e) {
      throw DiskFailure.at(where, e);
    }
  }

  @Override
  public synchronized void close() {
    open.forEach(OpenFile::close);
    open.clear();
    if (folder != null) {
      folder.close();
      OPEN.remove(folder);
      folder = null;
    }
  }
}
