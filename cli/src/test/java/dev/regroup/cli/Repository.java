package dev.regroup.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Where the repository is that a test runs in.
final class Repository {
  private Repository() {}

  /// The folder whose `pom.xml` lists the modules.
  static Path root() throws IOException {
    Path folder = Path.of("").toAbsolutePath();
    while (folder != null) {
      Path pom = folder.resolve("pom.xml");
      if (Files.exists(pom) && Files.readString(pom).contains("<modules>")) {
        return folder;
      }
      folder = folder.getParent();
    }
    throw new IllegalStateException("no folder above has a pom.xml with <modules>");
  }
}
