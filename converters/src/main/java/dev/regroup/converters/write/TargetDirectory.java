package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.manifest.Manifest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A directory that appears whole or not at all.
///
/// Files are written into a folder beside the target ({@link TargetPaths} has the names), a journal
/// there says what is finished, and one rename makes the folder's `model` the target. A lock beside
/// it (held by the kernel, so that it dies with the process) keeps a second run out. What a killed
/// run left is gone on with by the next.
public final class TargetDirectory implements AutoCloseable {
  private final TargetPaths paths;
  private final JournalHeader header;
  private final WriteOptions options;
  private final Disk disk;
  private final Thread onExit = new Thread(this::discardUnlessWorth, "discard-staging");
  private Disk.@Nullable Lock lock;
  private @Nullable Journal journal;
  private boolean complete;
  private boolean keeping;

  private TargetDirectory(TargetPaths paths, JournalHeader header, WriteOptions options) {
    this.paths = paths;
    this.header = header;
    this.options = options;
    this.disk = options.disk();
  }

  /// Begins writing `target`, or goes on with what an interrupted run left.
  ///
  /// @param header of what is written; its source is refused as the target, or as a folder around
  ///   or inside it
  /// @param bytes that will be written; the disk must have them and 2 % to spare
  /// @throws UncheckedIOException where the target exists, cannot be written, does not fit, or
  ///   another conversion to it is unfinished
  public static TargetDirectory open(
      Path target, JournalHeader header, long bytes, WriteOptions options) {
    var directory = new TargetDirectory(TargetPaths.of(target), header, options);
    directory.check();
    directory.begin(bytes);
    return directory;
  }

  /// Begins to commit what the parts of a conversion left beside `target`.
  ///
  /// @param parts what they left
  /// @throws UncheckedIOException where the target exists, or a part is still running
  public static TargetDirectory ofParts(Path target, PartJournals parts, WriteOptions options) {
    var directory = new TargetDirectory(TargetPaths.of(target), parts.header(), options);
    directory.refuseExisting();
    directory.keeping = true;
    directory.lock = TargetLocks.whole(directory.paths, options.disk());
    try {
      directory.journal = parts.reopenFirst(options.disk());
      return directory;
    } catch (RuntimeException | Error e) {
      directory.release();
      throw e;
    }
  }

  /// Whether the target is there already, complete, made by the same conversion; nothing is to be
  /// done then.
  public boolean complete() {
    return complete;
  }

  /// Where files are written until the commit.
  Path model() {
    return paths.model();
  }

  WriteOptions options() {
    return options;
  }

  Journal journal() {
    if (journal == null) {
      throw new IllegalStateException("nothing is being written");
    }
    return journal;
  }

  /// Writes files that hold no tensors.
  public SmallFiles smallFiles() {
    return new SmallFiles(disk, paths.model());
  }

  /// Keeps what is finished when this is closed without a commit.
  ///
  /// @return whether there is anything worth keeping
  public boolean keep() {
    keeping = journal != null && journal.worth();
    return keeping;
  }

  /// Makes what was written the target; everything in it must be there and forced to the disk.
  ///
  /// @param manifest the last file written
  public void commit(FinishedFile manifest) {
    Tree.sync(disk, paths.model());
    refuseExisting();
    journal().commit(manifest.sha256());
    if (!Tree.exists(paths.target())) {
      disk.rename(paths.model(), paths.target());
    } else if (!disk.exchange(paths.model(), paths.target())) {
      disk.rename(paths.target(), paths.replaced());
      disk.rename(paths.model(), paths.target());
    }
    disk.sync(paths.parent());
    journal().close();
    journal = null;
    Tree.delete(disk, paths.replaced());
    Tree.delete(disk, paths.work());
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(onExit);
    } catch (IllegalStateException _) {
      return; // the process is ending: the hook does the rest
    }
    synchronized (this) {
      if (journal != null) {
        journal.close();
        journal = null;
        if (!keeping && !options.part().shared()) {
          Tree.delete(disk, paths.work());
        }
      }
      release();
    }
  }

  private void check() {
    Path source = Path.of(header.source());
    Path target = paths.target();
    if (target.equals(source) || target.startsWith(source) || source.startsWith(target)) {
      throw Refusal.of(target, "expected a folder apart from the source %s".formatted(source));
    }
    if (options.continuation() != Continuation.RESUME) {
      refuseExisting();
    }
    if (!Files.isDirectory(paths.parent())) {
      throw Refusal.of(
          target, "its folder %s does not exist -> create it first".formatted(paths.parent()));
    }
  }

  private void refuseExisting() {
    if (Tree.exists(paths.target()) && !options.overwrite()) {
      throw Refusal.of(
          paths.target(),
          "exists already -> choose another target, or replace it with --overwrite");
    }
  }

  private void begin(long bytes) {
    boolean shared = options.part().shared();
    Disk.Lock begun = shared ? TargetLocks.beginning(paths, disk) : TargetLocks.whole(paths, disk);
    lock = begun;
    try {
      if (shared) {
        lock = null;
        lock = TargetLocks.part(paths, disk, options.part());
      }
      Leftovers leftovers = new Leftovers(paths, disk);
      leftovers.settle();
      complete = options.continuation() == Continuation.RESUME && madeAlready();
      if (complete) {
        return;
      }
      refuseExisting(); // it may just have been recovered, or finished by another run
      Optional<Journal.Content> before = leftovers.usable(header, options);
      requireSpace(bytes - before.map(Journal.Content::bytesOfFiles).orElse(0L));
      journal = openJournal(before);
      Runtime.getRuntime().addShutdownHook(onExit);
    } catch (RuntimeException | Error e) {
      release();
      throw e;
    } finally {
      if (shared) {
        begun.close();
      }
    }
  }

  private Journal openJournal(Optional<Journal.Content> before) {
    Path file = paths.journal(options.part());
    if (!Tree.exists(paths.work())) {
      disk.createDirectory(paths.work());
    }
    if (!Tree.exists(paths.model())) {
      disk.createDirectory(paths.model());
    }
    return before.isPresent()
        ? Journal.reopen(disk, file, before.get())
        : Journal.create(disk, file, header);
  }

  private boolean madeAlready() {
    return Tree.exists(paths.target())
        && Manifest.find(paths.target())
            .filter(manifest -> manifest.plan().equals(header.fingerprint()))
            .isPresent();
  }

  private void requireSpace(long bytes) {
    long needed = bytes + bytes / 50;
    long free;
    try {
      free = Files.getFileStore(paths.parent()).getUsableSpace();
    } catch (IOException e) {
      throw DiskFailure.at(paths.target(), e);
    }
    if (free < needed) {
      throw Refusal.of(
          paths.target(),
          "the disk has %,d bytes free, %,d are needed -> free some, or choose another disk"
              .formatted(free, needed));
    }
  }

  private synchronized void discardUnlessWorth() {
    if (journal != null && !journal.worth() && !options.part().shared()) {
      try {
        Tree.delete(disk, paths.work());
      } catch (UncheckedIOException _) {
        return; // files still appear: the next run clears them away
      }
    }
    release();
  }

  private void release() {
    Disk.Lock held = lock;
    lock = null; // first: closing it may fail
    if (held != null) {
      held.close();
    }
  }
}
