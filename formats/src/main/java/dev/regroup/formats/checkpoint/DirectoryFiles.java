package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The files of a model directory.
record DirectoryFiles(Path path) implements ModelFiles {
  @Override
  public List<Path> names() {
    try (Stream<Path> files = Files.list(path)) {
      return files.map(Path::getFileName).sorted().toList();
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
  }

  @Override
  public boolean exists(Path name) {
    return Files.exists(nameOf(name), LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public ModelFile file(Path name) {
    return ModelFile.of(nameOf(name));
  }

  @Override
  public Path nameOf(Path name) {
    return path.resolve(name).normalize();
  }

  @Override
  public Path sideFile(Path name) {
    return path.resolve(name);
  }

  @Override
  public boolean isSideFile(Path name) {
    return Files.isRegularFile(path.resolve(name));
  }

  @Override
  public void close() {
    // The directory is the user's.
  }
}
