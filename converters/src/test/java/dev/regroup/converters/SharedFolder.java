package dev.regroup.converters;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The folder of trained checkpoints and texts beside the repository; tests that need it are
/// skipped where it is absent.
final class SharedFolder {
  private SharedFolder() {}

  /// A path within the folder.
  static Path require(String inside) {
    Path path = root().resolve(inside);
    assumeTrue(
        Files.exists(path), () -> path + " is absent: set -Dregroup.shared to the shared folder");
    return path;
  }

  private static Path root() {
    String given = System.getProperty("regroup.shared");
    if (given != null) {
      return Path.of(given);
    }
    Path folder = Path.of("").toAbsolutePath();
    while (folder.getParent() != null && !isRepository(folder)) {
      folder = folder.getParent();
    }
    return folder.resolveSibling("shared");
  }

  private static boolean isRepository(Path folder) {
    Path pom = folder.resolve("pom.xml");
    try {
      return Files.exists(pom) && Files.readString(pom).contains("<modules>");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
