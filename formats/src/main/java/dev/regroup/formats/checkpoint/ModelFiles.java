package dev.regroup.formats.checkpoint;

import java.nio.file.Path;
import java.util.List;

/// The files of a model by name: in a directory, or in an archive.
public interface ModelFiles extends AutoCloseable {
  /// What the user named: the directory or the archive.
  Path path();

  /// Names directly in the model's folder, sorted.
  List<Path> names();

  /// Whether anything has this name, a broken link too.
  boolean exists(Path name);

  /// The file of this name.
  ///
  /// @param name relative to the model's folder
  /// @throws CheckpointException where it is no regular file
  ModelFile file(Path name);

  /// What errors call a name.
  Path nameOf(Path name);

  /// A file on the disk with a side file's bytes, which lies there until this is closed.
  Path sideFile(Path name);

  /// Whether a name is a regular file, links followed, that may go along as a side file.
  boolean isSideFile(Path name);

  @Override
  void close();

  /// The files of a directory.
  static ModelFiles in(Path directory) {
    return new DirectoryFiles(directory);
  }
}
