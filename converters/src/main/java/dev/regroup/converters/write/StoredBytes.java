package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.system.RawFile;
import java.nio.file.Path;
import java.util.Optional;

/// How much of a source's files is stored: holes in sparse files take no room.
public final class StoredBytes {
  private StoredBytes() {}

  /// Bytes of the files that hold tensors, without their holes; with them where the platform cannot tell.
  public static long of(Checkpoint source) {
    return source.shards().stream().mapToLong(shard -> of(shard.file(), shard.bytes())).sum();
  }

  private static long of(Path path, long size) {
    Optional<RawFile> opened = RawFile.open(path, false);
    if (opened.isEmpty()) {
      return size;
    }
    try (RawFile file = opened.get()) {
      long stored = 0;
      for (long at = file.data(0, size); at < size; ) {
        long end = file.hole(at, size);
        stored += end - at;
        at = file.data(end, size);
      }
      return stored;
    }
  }
}
