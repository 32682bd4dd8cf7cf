package dev.regroup.formats.checkpoint;

import dev.regroup.formats.tensor.TensorInfo;
import java.util.List;

/// An open file of tensors, checked: what it holds, and where each tensor lies.
///
/// @param tensors in the order of their bytes
/// @param oddities what is odd but not wrong, one line each
public record OpenShard(OpenFile file, List<Placed> tensors, List<String> oddities)
    implements AutoCloseable {
  public OpenShard {
    tensors = List.copyOf(tensors);
    oddities = List.copyOf(oddities);
  }

  /// A tensor and where it lies.
  public record Placed(TensorInfo info, Place place) {}

  /// Where a tensor's bytes lie end to end. Asking may first put them there.
  public interface Place {
    /// Where they lie now.
    ///
    /// @throws CheckpointException where the file ends before
    Spot find();
  }

  /// A place in a file, from `offset` on.
  public record Spot(OpenFile file, long offset) implements Place {
    @Override
    public Spot find() {
      return this;
    }
  }

  /// What a checkpoint tells of this file.
  public Checkpoint.Shard describe() {
    return new Checkpoint.Shard(
        file.name(), tensors.stream().map(Placed::info).toList(), file.bytes());
  }

  @Override
  public void close() {
    file.close();
  }
}
