package dev.regroup.formats;

import dev.regroup.formats.architecture.Architectures;
import dev.regroup.formats.architecture.Inventory;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.quantization.DequantizedCheckpoint;
import dev.regroup.formats.safetensors.SafetensorsCheckpoint;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The front door of this module: opens checkpoints and says what they mean.
public final class Checkpoints {
  private Checkpoints() {}

  /// Opens a model directory or one safetensors file: headers are read and checked, no data is. FP8
  /// weights read as what they are worth, their scales applied.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where a file is not what it says
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the weights are in a
  ///   format that is not read
  public static Checkpoint open(Path path) {
    return DequantizedCheckpoint.of(SafetensorsCheckpoint.open(path));
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
