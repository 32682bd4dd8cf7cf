package dev.regroup.converters.write;

import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;

/// The files of an output that hold tensors, while they are open: unfinished ones under a name that
/// nobody takes for a model's, finished ones to read from. Safe for use by several threads.
final class OpenFiles implements AutoCloseable {
  private static final Map<String, String> METADATA = Map.of("format", "pt");

  private final Disk disk;
  private final Path directory;
  private final Map<String, SafetensorsWriter> open = new HashMap<>();
  private final Set<String> finished = new HashSet<>();
  private final ReadWriteLock closing = new ReentrantReadWriteLock();

  OpenFiles(Disk disk, Path directory) {
    this.disk = disk;
    this.directory = directory;
  }

  /// The open file, begun (or begun again, where an earlier run left it) by whoever needs it first.
  synchronized SafetensorsWriter get(PlannedFile file) {
    return open.computeIfAbsent(file.name(), name -> open(file));
  }

  private SafetensorsWriter open(PlannedFile file) {
    Path whole = directory.resolve(file.name());
    if (finished.contains(file.name())) {
      return SafetensorsWriter.reading(disk, whole, file, METADATA);
    }
    Path unfinished = unfinished(file);
    if (Tree.exists(whole)) {
      disk.rename(whole, unfinished); // killed before the journal knew, or no more what it was
    }
    return Tree.exists(unfinished)
        ? SafetensorsWriter.reopen(disk, unfinished, file, METADATA)
        : SafetensorsWriter.create(disk, unfinished, file, METADATA);
  }

  /// Whether an earlier run left part of a file.
  boolean begun(PlannedFile file) {
    return Tree.exists(unfinished(file)) || Tree.exists(directory.resolve(file.name()));
  }

  /// Says that a file was finished before.
  synchronized void found(PlannedFile file) {
    finished.add(file.name());
  }

  /// Reads from a file, which stays open meanwhile even if it is being finished.
  <T> T read(PlannedFile file, Function<SafetensorsWriter, T> reading) {
    closing.readLock().lock();
    try {
      return reading.apply(get(file));
    } finally {
      closing.readLock().unlock();
    }
  }

  /// Gives a complete file its name, and closes it.
  void finish(PlannedFile file) {
    closing.writeLock().lock();
    try {
      finishAlone(file);
    } finally {
      closing.writeLock().unlock();
    }
  }

  private synchronized void finishAlone(PlannedFile file) {
    SafetensorsWriter writer = open.remove(file.name());
    if (writer != null) {
      writer.close();
    }
    disk.rename(unfinished(file), directory.resolve(file.name()));
    disk.sync(directory);
    finished.add(file.name());
  }

  /// Whether a file has its name.
  synchronized boolean isFinished(PlannedFile file) {
    return finished.contains(file.name());
  }

  private Path unfinished(PlannedFile file) {
    return directory.resolve(file.name() + TargetFiles.UNFINISHED);
  }

  @Override
  public synchronized void close() {
    try {
      open.values().forEach(SafetensorsWriter::close);
    } finally {
      open.clear();
    }
  }
}
