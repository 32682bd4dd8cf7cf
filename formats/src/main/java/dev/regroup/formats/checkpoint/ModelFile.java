package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// One file of a model: a file on the disk, or part of an archive that needs no unpacking.
///
/// @param name what errors call it; in an archive `model.tar!/config.json`
/// @param file on the disk, which holds it at `[offset, offset + bytes)`
public record ModelFile(Path name, Path file, long offset, long bytes) {
  /// A file on the disk, all of it.
  ///
  /// @throws CheckpointException where it is missing or no regular file
  public static ModelFile of(Path file) {
    return of(file, file);
  }

  /// A file on the disk that errors call by another name: it was unpacked from an archive.
  ///
  /// @throws CheckpointException where it is missing or no regular file
  public static ModelFile of(Path name, Path file) {
    TextFile.requireRegular(file);
    try {
      return new ModelFile(name, file, 0, Files.size(file));
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }
}
