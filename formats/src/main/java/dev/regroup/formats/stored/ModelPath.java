package dev.regroup.formats.stored;

import dev.regroup.formats.archive.ArchiveFiles;
import dev.regroup.formats.archive.ArchiveKind;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.ModelFiles;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.pytorch.PyTorchFile;
import dev.regroup.formats.zip.ZipDirectory;
import dev.regroup.formats.zip.ZipMember;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Opens whatever a user names: a directory, or one file, of which its name or its first bytes tell
/// what it is.
public final class ModelPath {
  /// How the names of files that PyTorch wrote end.
  private static final List<String> PYTORCH = List.of(".bin", ".pt", ".pth", ".ckpt");

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
      Optional<ModelFiles> archive = archive(file, scratch);
      return archive.isPresent()
          ? StoredCheckpoint.open(archive.get(), scratch)
          : StoredCheckpoint.of(format(file).open(file, scratch), scratch);
    } catch (RuntimeException e) {
      scratch.close();
      throw e;
    }
  }

  private static Optional<ModelFiles> archive(ModelFile file, Scratch scratch) {
    if (file.name().toString().endsWith(WeightFormat.SAFETENSORS.suffix())) {
      return Optional.empty(); // and if it is none, its reader says what it is
    }
    OpenFile open = OpenFile.open(file);
    try {
      Optional<ModelFiles> found = archive(open, scratch);
      if (found.isEmpty()) {
        open.close();
      }
      return found;
    } catch (RuntimeException e) {
      open.close();
      throw e;
    }
  }

  private static Optional<ModelFiles> archive(OpenFile file, Scratch scratch) {
    ArchiveKind kind = ArchiveKind.of(file.bytesAt(0, ArchiveKind.SNIFFED));
    return switch (kind) {
      case ZIP -> {
        List<ZipMember> members = ZipDirectory.read(file);
        yield PyTorchFile.isOne(members)
            ? Optional.empty()
            : Optional.of(ArchiveFiles.zip(file, members, scratch));
      }
      case TAR, TAR_GZIP, TAR_ZSTD -> Optional.of(ArchiveFiles.tar(file, kind, scratch));
      case OTHER ->
          throw new UnsupportedModelException(
              file.name()
                  + ": expected a zip, a tar, or a tar packed with gzip or zstd, found another"
                  + " archive -> unpack it first");
      case NONE -> Optional.empty();
    };
  }

  private static WeightFormat format(ModelFile file) {
    String name = file.name().toString();
    boolean torch = PYTORCH.stream().anyMatch(name::endsWith) || beginsAsTorch(file);
    return torch && !name.endsWith(WeightFormat.SAFETENSORS.suffix())
        ? WeightFormat.PYTORCH
        : WeightFormat.SAFETENSORS;
  }

  private static boolean beginsAsTorch(ModelFile file) {
    try (OpenFile open = OpenFile.open(file)) {
      byte[] start = open.bytesAt(0, 3);
      return start.length == 3
          && ((start[0] == 'P' && start[1] == 'K')
              // a pickle's protocol, as older PyTorch wrote; and no length of a small header
              || (start[0] == (byte) 0x80 && start[1] >= 2 && start[1] <= 5 && start[2] != 0));
    }
  }
}
