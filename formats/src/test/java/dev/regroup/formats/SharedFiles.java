package dev.regroup.formats;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Files that lie beside the repository on the maintainers' machines, in `shared`; tests that want
/// them are skipped elsewhere.
public final class SharedFiles {
  private SharedFiles() {}

  /// A file or directory of `shared`; skips the calling test where there is none.
  public static Path require(String name) {
    Path file = folder().resolve(name);
    assumeTrue(Files.exists(file), () -> file + " is not here (set -Dregroup.shared)");
    return file;
  }

  /// Whether `shared` has that file or directory.
  public static boolean has(String name) {
    return Files.exists(folder().resolve(name));
  }

  private static Path folder() {
    String given = System.getProperty("regroup.shared");
    if (given != null) {
      return Path.of(given);
    }
    Path folder = Path.of("").toAbsolutePath();
    while (folder != null && !isRoot(folder)) {
      folder = folder.getParent();
    }
    return folder == null ? Path.of("shared") : folder.resolveSibling("shared");
  }

  private static boolean isRoot(Path folder) {
    Path pom = folder.resolve("pom.xml");
    try {
      return Files.exists(pom) && Files.readString(pom).contains("<modules>");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
