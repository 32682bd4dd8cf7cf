package dev.regroup.formats.stored;

import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenShard;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.pytorch.PyTorchFile;
import dev.regroup.formats.safetensors.SafetensorsFile;
import java.nio.file.Path;

/// Formats in which models store their weights, the preferred first.
enum WeightFormat {
  SAFETENSORS("model.safetensors", SafetensorsFile.SUFFIX),
  PYTORCH("pytorch_model.bin", PyTorchFile.SUFFIX);

  private final String single;
  private final String suffix;

  WeightFormat(String single, String suffix) {
    this.single = single;
    this.suffix = suffix;
  }

  /// The name of the only file of weights.
  Path single() {
    return Path.of(single);
  }

  /// The name of the index of several files.
  Path index() {
    return Path.of(single + ".index.json");
  }

  /// How names of weight files end.
  String suffix() {
    return suffix;
  }

  /// Opens one file and checks what it says it holds.
  ///
  /// @param scratch takes tensors that do not lie end to end in the file
  OpenShard open(ModelFile file, Scratch scratch) {
    return switch (this) {
      case SAFETENSORS -> SafetensorsFile.open(file);
      case PYTORCH -> PyTorchFile.open(file, scratch);
    };
  }
}
