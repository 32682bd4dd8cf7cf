package dev.regroup.converters.write;

import dev.regroup.formats.disk.Disk;
import java.nio.file.Path;
import java.util.Optional;

/// Who may write a target: one run, or the parts of one.
///
/// A part holds the target's lock only while it begins; from then on its own lock keeps out whole
/// runs, merges, and the same part once more.
final class TargetLocks {
  /// How often a part asks for the lock that another may hold while it begins.
  private static final int ATTEMPTS = 100;

  private static final int PAUSE_MILLIS = 100;

  private TargetLocks() {}

  /// The lock of a target, for a whole run.
  static Disk.Lock whole(TargetPaths paths, Disk disk) {
    Disk.Lock lock =
        disk.lock(paths.lock())
            .orElseThrow(
                () ->
                    Refusal.of(
                        paths.target(),
                        "another run is writing it -> wait for it, or choose another target"));
    try {
      for (Path file : Tree.list(paths.parent(), paths.partLocks(), ".lock")) {
        disk.lock(file)
            .orElseThrow(
                () ->
                    Refusal.of(
                        paths.target(),
                        "part %s of it is being converted -> wait until it is done"
                            .formatted(name(paths, file))))
            .close();
      }
      return lock;
    } catch (RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  /// The lock of a target, for a part that begins.
  static Disk.Lock beginning(TargetPaths paths, Disk disk) {
    for (int attempt = 1; ; attempt++) {
      Optional<Disk.Lock> lock = disk.lock(paths.lock());
      if (lock.isPresent()) {
        return lock.get();
      }
      if (attempt == ATTEMPTS) {
        throw Refusal.of(
            paths.target(),
            "another run that is no part is writing it -> wait for it, or choose another target");
      }
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new LayerGate.Abandoned();
      }
    }
  }

  /// The lock of a part.
  static Disk.Lock part(TargetPaths paths, Disk disk, Part part) {
    return disk.lock(paths.lock(part))
        .orElseThrow(
            () ->
                Refusal.of(
                    paths.target(),
                    "part %s of it is being converted already -> wait for it, or take another part"
                        .formatted(part)));
  }

  private static String name(TargetPaths paths, Path lock) {
    String name = lock.getFileName().toString();
    return name.substring(paths.partLocks().length(), name.length() - ".lock".length())
        .replace("-of-", "/");
  }
}
