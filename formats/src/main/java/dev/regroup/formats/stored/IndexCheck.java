package dev.regroup.formats.stored;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelFiles;
import dev.regroup.formats.checkpoint.OpenShard;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.safetensors.ShardIndex;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Holds an index against the headers of the files it names: each tensor in exactly the file that
/// the index says, and no other tensor anywhere.
final class IndexCheck {
  private final ModelFiles files;
  private final Path indexFile;
  private final ShardIndex index;

  /// Paths of files by what the index calls them: there are few, and many tensors.
  private final Map<String, Path> names = new HashMap<>();

  /// @param name the index's, in the model's folder
  IndexCheck(ModelFiles files, Path name, ShardIndex index) {
    this.files = files;
    this.indexFile = files.nameOf(name);
    this.index = index;
  }

  /// Returns what is odd but not wrong, one line each.
  ///
  /// @throws CheckpointException where index and files disagree
  List<String> run(List<OpenShard> shards) {
    Map<String, Path> holders = new HashMap<>();
    long bytes = 0;
    for (OpenShard shard : shards) {
      Path file = shard.file().name();
      for (OpenShard.Placed placed : shard.tensors()) {
        TensorInfo info = placed.info();
        Path other = holders.put(info.name(), file);
        if (other != null) {
          throw wrong(info.name(), "is in %s and in %s".formatted(other, file));
        }
        if (!index.weightMap().containsKey(info.name())) {
          throw wrong(info.name(), "is in %s, not in the index".formatted(file));
        }
        bytes += info.bytes();
      }
    }
    index.weightMap().forEach((tensor, shard) -> requireHeld(tensor, shard, holders));
    if (index.totalSize().isPresent() && index.totalSize().getAsLong() != bytes) {
      return List.of(
          "%s: \"total_size\": expected %d bytes, found %d"
              .formatted(indexFile, bytes, index.totalSize().getAsLong()));
    }
    return List.of();
  }

  private void requireHeld(String tensor, String shard, Map<String, Path> holders) {
    Path expected = names.computeIfAbsent(shard, name -> files.nameOf(Path.of(name)));
    Path holder = holders.get(tensor);
    if (!expected.equals(holder)) {
      throw wrong(
          tensor,
          "expected in %s, found %s"
              .formatted(expected, holder == null ? "in no file" : "in " + holder));
    }
  }

  private CheckpointException wrong(String tensor, String message) {
    return new CheckpointException(
        "%s: tensor %s: %s".formatted(indexFile, Quoted.of(tensor), message));
  }
}
