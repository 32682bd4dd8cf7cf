package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.disk.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// A folder and all that is in it.
final class Tree {
  private Tree() {}

  /// Whether something has this name, be it a broken link.
  static boolean exists(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  /// Deletes a tree from its leaves on; links are deleted, not followed.
  static void delete(Disk disk, Path root) {
    if (!exists(root)) {
      return;
    }
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(root)) {
      paths = walk.sorted(Comparator.reverseOrder()).toList();
    } catch (IOException e) {
      throw DiskFailure.at(root, e);
    }
    paths.forEach(disk::delete);
  }

  /// The names in a folder that begin and end so, sorted; none where there is no folder.
  static List<Path> list(Path folder, String prefix, String suffix) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(
              file -> {
                String name = file.getFileName().toString();
                return name.startsWith(prefix) && name.endsWith(suffix);
              })
          .sorted()
          .toList();
    } catch (IOException e) {
      throw DiskFailure.at(folder, e);
    }
  }

  /// Forces the names in every folder of a tree to the disk.
  static void sync(Disk disk, Path root) {
    List<Path> folders;
    try (Stream<Path> walk = Files.walk(root)) {
      folders = walk.filter(Files::isDirectory).toList();
    } catch (IOException e) {
      throw DiskFailure.at(root, e);
    }
    folders.forEach(disk::sync);
  }
}
