package dev.regroup.converters.write;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.system.RawFile;
import java.nio.file.Path;
import java.util.Optional;

/// How much of the disk an output takes.
public final class SpaceNeeded {
  private SpaceNeeded() {}

  /// Bytes that a run writes, without headers.
  ///
  /// Where holes stay holes, only the source's data counts of what is kept; where blocks must be
  /// shared, nothing of it does.
  public static long bytes(ConversionPlan plan, Checkpoint source, WriteOptions options) {
    long mine =
        options.part().files(plan.shards()).stream()
            .mapToLong(ShardPlan.PlannedFile::bytes)
            .sum();
    long written = plan.bytes(Fate.WRITTEN);
    if (options.link() == LinkMode.REFLINK) {
      return Math.min(mine, written);
    }
    if (!options.sparse()) {
      return mine;
    }
    long data = 0;
    for (Checkpoint.Shard shard : source.shards()) {
      data += data(shard.file(), shard.bytes());
    }
    return Math.min(mine, written + data);
  }

  private static long data(Path file, long bytes) {
    Optional<RawFile> raw = RawFile.open(file, false);
    if (raw.isEmpty()) {
      return bytes;
    }
    try (RawFile open = raw.get()) {
      long sum = 0;
      for (long at = open.data(0, bytes); at < bytes; ) {
        long hole = open.hole(at, bytes);
        sum += hole - at;
        at = open.data(hole, bytes);
      }
      return sum;
    }
  }
}
