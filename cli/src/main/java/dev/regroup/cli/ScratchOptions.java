package dev.regroup.cli;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.Scratch;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a model that cannot be read in place is unpacked, and where activations lie that do not fit in
/// memory: the option of every command that reads models.
final class ScratchOptions {
  @Option(
      names = "--scratch",
      paramLabel = "DIR",
      description =
          "Where to unpack what cannot be read in place (tar.gz, tar.zst, deflated zip; tensors"
              + " stored transposed) and to put what does not fit in memory, until the command"
              + " ends. Default: beside TARGET for convert, else the folder for temporary files.")
  private @Nullable Path folder;

  /// Opens a model; what is unpacked goes to the folder for temporary files.
  Checkpoint open(Path source) {
    return Checkpoints.open(
        source, Scratch.in(folder == null ? Scratch.temporaryFolder() : folder));
  }

  /// Opens a model; what is unpacked goes to {@link #folder(Path)}.
  Checkpoint open(Path source, Path target) {
    return Checkpoints.open(source, Scratch.in(folder(target)));
  }

  /// The folder for what a conversion puts aside: by default beside the target, on whose disk there must
  /// be room.
  Path folder(Path target) {
    if (folder != null) {
      return folder;
    }
    Path beside = target.toAbsolutePath().normalize().getParent();
    return beside != null && Files.isDirectory(beside) ? beside : Scratch.temporaryFolder();
  }
}
