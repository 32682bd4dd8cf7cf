package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What the compiled classes no longer tell.
final class SourcesTest {
  private static final int MOST_LINES = 400;

  private static List<Path> sources = List.of();

  @BeforeAll
  static void findEverySource() throws IOException {
    Path root = Repository.root();
    try (Stream<Path> files = Files.walk(root)) {
      sources =
          files
              .filter(file -> file.toString().endsWith(".java"))
              .filter(file -> !root.relativize(file).toString().contains("target"))
              .toList();
    }
    assertThat(sources).hasSizeGreaterThan(200);
  }

  @Test
  void noFileNeedsScrollingWithoutEnd() throws IOException {
    for (Path source : sources) {
      assertThat(Files.readAllLines(source)).as(source.toString()).hasSizeLessThan(MOST_LINES + 1);
    }
  }

  @Test
  void everyPackageSaysWhatItIsAndChecksNulls() throws IOException {
    Set<Path> packages =
        sources.stream()
            .filter(source -> source.toString().replace('\\', '/').contains("/src/main/java/"))
            .map(Path::getParent)
            .collect(Collectors.toSet());
    for (Path directory : packages) {
      Path info = directory.resolve("package-info.java");
      assertThat(info).exists();
      assertThat(Files.readString(info))
          .as(info.toString())
          .startsWith("///")
          .contains("@NullMarked");
    }
  }
}
