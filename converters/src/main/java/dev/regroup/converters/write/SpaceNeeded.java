package dev.regroup.converters.write;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.system.RawFile;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
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
        options.part().files(plan.shards()).stream().mapToLong(ShardPlan.PlannedFile::bytes).sum();
    long written = plan.bytes(Fate.WRITTEN);
    if (options.link() == LinkMode.REFLINK) {
      return Math.min(mine, written);
    }
    if (!options.sparse()) {
      return mine;
    }
    return Math.min(mine, written + data(plan, source));
  }

  /// Bytes of kept tensors that do not lie in holes.
  private static long data(ConversionPlan plan, Checkpoint source) {
    Map<Path, Optional<RawFile>> files = new HashMap<>();
    try {
      long sum = 0;
      for (PlannedTensor tensor : plan.tensors(Fate.KEPT)) {
        Checkpoint.Location at = source.locate(tensor.info().name());
        Optional<RawFile> file =
            files.computeIfAbsent(at.file(), path -> RawFile.open(path, false));
        sum += file.isEmpty() ? at.bytes() : data(file.get(), at);
      }
      return sum;
    } finally {
      files.values().forEach(file -> file.ifPresent(RawFile::close));
    }
  }

  private static long data(RawFile file, Checkpoint.Location range) {
    long end = range.offset() + range.bytes();
    long sum = 0;
    for (long at = file.data(range.offset(), end); at < end; ) {
      long hole = file.hole(at, end);
      sum += hole - at;
      at = hole == end ? end : file.data(hole, end);
    }
    return sum;
  }
}
