package dev.regroup.cli;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.Scratch;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a model that cannot be read in place is unpacked: the option of every command that reads
/// models.
final class ScratchOptions {
  @Option(
      names = "--scratch",
      paramLabel = "DIR",
      description =
          "Where to unpack what cannot be read in place (tar.gz, tar.zst, deflated zip; tensors"
              + " stored transposed), until the command ends. Default: beside TARGET for convert,"
              + " else the folder for temporary files.")
  private @Nullable Path folder;

  /// Opens a model; what is unpacked goes to the folder for temporary files.
  Checkpoint open(Path source) {
    return Checkpoints.open(source, folder == null ? Scratch.temporary() : Scratch.in(folder));
  }

  /// Opens a model; what is unpacked goes beside the target, on whose disk there must be room.
  Checkpoint open(Path source, Path target) {
    Path beside = target.toAbsolutePath().normalize().getParent();
    return folder == null && beside != null && Files.isDirectory(beside)
        ? Checkpoints.open(source, Scratch.in(beside))
        : open(source);
  }
}
