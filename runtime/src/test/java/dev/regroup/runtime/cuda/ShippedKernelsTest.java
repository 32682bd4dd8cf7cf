package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The PTX in the jar is what its sources give.
final class ShippedKernelsTest {
  private static final Path SOURCES = Path.of("src/main/cuda");
  private static final Path SHIPPED = Path.of("src/main/resources/dev/regroup/runtime/cuda");

  private static List<Path> named(Path folder, String end) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(end)).sorted().toList();
    }
  }

  @Test
  void everySourceHasItsKernelsForOldDriversToo() throws IOException {
    List<Path> sources = named(SOURCES, ".cu");
    assertThat(sources).hasSizeGreaterThan(5);
    for (Path source : sources) {
      String name = source.getFileName().toString().replaceAll("\\.cu$", ".ptx");
      assertThat(Files.readString(SHIPPED.resolve(name))).as(name).contains(".version 8.0");
    }
    assertThat(named(SHIPPED, ".ptx")).hasSameSizeAs(sources);
  }

  /// Takes a minute: on the machine that builds for everybody, or where it is asked for.
  @Test
  void aRebuildGivesTheSameKernels(@TempDir Path folder) throws IOException, InterruptedException {
    assumeTrue(
        System.getenv("CI") != null || Boolean.getBoolean("regroup.rebuild-kernels"),
        "neither CI nor -Dregroup.rebuild-kernels=true is set");
    assumeTrue(hasCompiler(), "nvcc 13.0 is not on the path");
    Process build =
        new ProcessBuilder(SOURCES.resolve("build").toString(), folder.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(build.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(build.waitFor()).as(said).isZero();
    for (Path shipped : named(SHIPPED, ".ptx")) {
      assertThat(folder.resolve(shipped.getFileName()))
          .as(shipped + ": run src/main/cuda/build")
          .hasSameTextualContentAs(shipped);
    }
  }

  private static boolean hasCompiler() throws IOException, InterruptedException {
    try {
      Process process = new ProcessBuilder("nvcc", "--version").redirectErrorStream(true).start();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor(10, TimeUnit.SECONDS) && said.contains("release 13.0");
    } catch (IOException e) {
      return false; // there is none
    }
  }
}
