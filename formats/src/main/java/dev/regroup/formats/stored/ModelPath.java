package dev.regroup.formats.stored;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.ModelFiles;
import dev.regroup.formats.checkpoint.Scratch;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/// Opens whatever a user names: a directory, or one file, which is told apart by its name and then
/// by its first bytes.
public final class ModelPath {
  private ModelPath() {}

  /// Opens a model or one file of tensors.
  ///
  /// @param scratch takes what cannot be read where it lies; closed with the checkpoint, or when it
  ///   cannot be opened
  public static Checkpoint open(Path path, Scratch scratch) {
    if (Files.isDirectory(path)) {
      return StoredCheckpoint.open(ModelFiles.in(path), scratch);
    }
    try {
      if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        throw new CheckpointException(path + ": no such file or directory");
      }
      ModelFile file = ModelFile.of(path);
      WeightFormat format =
          path.toString().endsWith(WeightFormat.PYTORCH.suffix())
              ? WeightFormat.PYTORCH
              : WeightFormat.SAFETENSORS;
      return StoredCheckpoint.of(format.open(file, scratch), scratch);
    } catch (RuntimeException e) {
      scratch.close();
      throw e;
    }
  }
}
