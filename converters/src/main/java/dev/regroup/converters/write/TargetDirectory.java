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
  private final StoppableDisk disk;
  private final Thread onExit = new Thread(this::discardUnlessWorth, "discard-staging");
  private Disk.@Nullable Lock lock;
  private @Nullable Journal journal;
  private @Nullable PartJournals parts;
  private boolean complete;
  private boolean keeping;

  private TargetDirectory(TargetPaths paths, JournalHeader header, WriteOptions options) {
    this.paths = paths;
    this.header = header;
    this.options = options;
    this.disk = new StoppableDisk(options.disk());
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

  /// Begins to commit what the parts of a conversion left beside `target`, or finishes a merge that
  /// was killed after it was committed.
  ///
  /// @throws UncheckedIOException where the target exists, or a part is missing or still running
  public static TargetDirectory ofParts(Path target, WriteOptions options) {
    PartJournals.ofMerged(target); // where there is nothing, nothing is touched
    TargetPaths paths = TargetPaths.of(target);
    Disk.Lock lock = TargetLocks.whole(paths, options.disk());
    try {
      Leftovers leftovers = new Leftovers(paths, options.disk());
      boolean committed = leftovers.committed();
      // Under the lock: what a part that ended just now wrote last must not be overlooked.
      PartJournals parts = committed ? PartJournals.ofMerged(target) : PartJournals.read(target);
      leftovers.settle();
      var directory = new TargetDirectory(paths, parts.header(), options);
      directory.lock = lock;
      directory.parts = parts;
      directory.complete = committed;
      directory.keeping = true;
      if (!committed) {
        directory.refuseExisting();
        directory.journal = parts.reopenFirst(directory.disk);
      }
      return directory;
    } catch (RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  /// What is being merged.
  public PartJournals parts() {
    if (parts == null) {
      throw new IllegalStateException("no parts are being merged");
    }
    return parts;
  }

  /// Whether the target is there already, complete, made by the same conversion; nothing is to be
  /// done then.
  public boolean complete() {
    return complete;
  }

  /// What becomes a whole directory, absolute.
  public Path target() {
    return paths.target();
  }

  /// Where files are written until the commit.
  Path model() {
    return paths.model();
  }

  WriteOptions options() {
    return options;
  }

  /// The disk to write to; it stops when the process ends.
  Disk disk() {
    return disk;
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
    if (before.isPresent()) {
      return Journal.reopen(disk, file, before.get());
    }
    Journal begun = Journal.create(disk, file, header);
    disk.sync(paths.work()); // forcing a file does not force its name
    disk.sync(paths.parent());
    return begun;
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

  /// The process is ending, while its other threads go on until it is gone. Whoever gets the lock
  /// now must find nobody writing; else the lock is left to the kernel.
  private synchronized void discardUnlessWorth() {
    if (!disk.stop()) {
      return;
    }
    if (journal != null && !journal.worth() && !options.part().shared()) {
      try {
        Tree.delete(disk, paths.work());
      } catch (UncheckedIOException _) {
        release(); // the next run clears the rest away
        return;
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
