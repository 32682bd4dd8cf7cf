package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Holds an index against the headers of the files it names: each tensor in exactly the file that
/// the index says, and no other tensor anywhere.
final class IndexCheck {
  private IndexCheck() {}

  /// Returns what is odd but not wrong, one line each.
  ///
  /// @throws CheckpointException where index and files disagree
  static List<String> run(Path folder, ShardIndex index, List<OpenShard> shards) {
    Map<String, Path> holders = new HashMap<>();
    long bytes = 0;
    for (OpenShard shard : shards) {
      for (SafetensorsHeader.Entry entry : shard.header().entries()) {
        TensorInfo info = entry.info();
        Path other = holders.put(info.name(), shard.file());
        if (other != null) {
          throw wrong(folder, info.name(), "is in %s and in %s".formatted(other, shard.file()));
        }
        if (!index.weightMap().containsKey(info.name())) {
          throw wrong(folder, info.name(), "is in %s, not in the index".formatted(shard.file()));
        }
        bytes += info.bytes();
      }
    }
    index.weightMap().forEach((tensor, shard) -> requireHeld(folder, tensor, shard, holders));
    if (index.totalSize().isPresent() && index.totalSize().getAsLong() != bytes) {
      return List.of(
          "%s: \"total_size\": expected %d bytes, found %d"
              .formatted(folder.resolve(ShardIndex.FILE), bytes, index.totalSize().getAsLong()));
    }
    return List.of();
  }

  private static void requireHeld(
      Path folder, String tensor, String shard, Map<String, Path> holders) {
    Path expected = folder.resolve(shard).normalize();
    Path holder = holders.get(tensor);
    if (!expected.equals(holder)) {
      throw wrong(
          folder,
          tensor,
          "expected in %s, found %s"
              .formatted(expected, holder == null ? "in no file" : "in " + holder));
    }
  }

  private static CheckpointException wrong(Path folder, String tensor, String message) {
    return new CheckpointException(
        "%s: tensor %s: %s".formatted(folder.resolve(ShardIndex.FILE), Quoted.of(tensor), message));
  }
}
