package dev.regroup.formats;

import dev.regroup.formats.architecture.Architectures;
import dev.regroup.formats.architecture.Inventory;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.quantization.DequantizedCheckpoint;
import dev.regroup.formats.stored.ModelPath;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The front door of this module: opens checkpoints and says what they mean.
public final class Checkpoints {
  private Checkpoints() {}

  /// Opens a model directory, an archive of one (zip, tar, also with gzip or zstd), or one file of
  /// tensors (safetensors, or as PyTorch writes): headers are read and checked, no data is. FP8
  /// weights read as what they are worth, their scales applied.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where a file is not what it says
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the weights are in a
  ///   format that is not read
  public static Checkpoint open(Path path) {
    return open(path, Scratch.temporary());
  }

  /// Opens a model as {@link #open(Path)} does.
  ///
  /// @param scratch takes what cannot be read where it lies; closed with the checkpoint
  public static Checkpoint open(Path path, Scratch scratch) {
    Checkpoint stored = ModelPath.open(path, scratch);
    try {
      return DequantizedCheckpoint.of(stored);
    } catch (RuntimeException e) {
      stored.close();
      throw e;
    }
  }

  /// What a checkpoint's config means, checked against its tensors: each tensor that the config
  /// asks for must be there in its shape, and no other may be (rotary tables of old files and
  /// layers for multi-token prediction apart).
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where config and tensors disagree
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the architecture is not
  ///   known
  public static ModelSpec describe(Checkpoint checkpoint) {
    ModelSpec spec = Architectures.describe(checkpoint.config());
    Inventory.check(spec, checkpoint);
    return spec;
  }

  /// What is odd but not wrong about a checkpoint, one line each: what its files show, and what
  /// holding them against their config shows.
  ///
  /// @param spec what {@link #describe} made of it
  public static List<String> remarks(ModelSpec spec, Checkpoint checkpoint) {
    return Stream.concat(checkpoint.warnings().stream(), Inventory.check(spec, checkpoint).stream())
        .toList();
  }
}
