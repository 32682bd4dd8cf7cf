package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a command says and leaves behind when the driver, the device's memory or a kernel fails: a
/// real process with a stand-in for the driver, where a C compiler makes one.
final class FailingDriverTest {
  @TempDir private static Path folder;
  private static Path model = Path.of("");

  @BeforeAll
  static void makeADriver() throws IOException, InterruptedException {
    assumeFalse(
        Stream.of("12", "13")
            .anyMatch(v -> Files.exists(Path.of("/usr/local/cuda/lib64/libcublas.so." + v))),
        "cuBLAS would ask the stand-in for more than it has");
    Path source = folder.resolve("driver.c");
    try (InputStream in = FailingDriverTest.class.getResourceAsStream("/driver/driver.c")) {
      Files.copy(Objects.requireNonNull(in), source);
    }
    try {
      Process compiler =
          new ProcessBuilder("cc", "-shared", "-fPIC", "-w", "-o", "libcuda.so.1", "driver.c")
              .directory(folder.toFile())
              .inheritIO()
              .start();
      assertThat(compiler.waitFor()).isZero();
    } catch (IOException e) {
      abort("no C compiler: " + e.getMessage());
    }
    model = folder.resolve("model");
    Fixtures.write("llama-gqa", model, 1, 2);
    Files.writeString(folder.resolve("text.txt"), "Held out, and never seen before. ".repeat(80));
  }

  /// How a process ended.
  ///
  /// @param said on standard error
  /// @param log what the stand-in wrote
  private record Ending(int exitCode, List<String> said, List<String> log) {}

  private static Ending verify(String failure) throws IOException, InterruptedException {
    Path log = folder.resolve(failure + ".log");
    Path said = folder.resolve(failure + ".txt");
    var builder =
        new ProcessBuilder(
                HeldProcess.command(
                    Main.class,
                    "verify",
                    model,
                    model,
                    "--text",
                    folder.resolve("text.txt"),
                    "--tokens",
                    "1K",
                    "--device",
                    "cuda",
                    "-q"))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(said.toFile());
    builder.environment().put("LD_LIBRARY_PATH", folder.toString());
    builder.environment().put("STAND_IN", failure);
    builder.environment().put("STAND_IN_LOG", log.toString());
    int exitCode = builder.start().waitFor();
    List<String> lines =
        Files.readAllLines(said).stream().filter(line -> !line.startsWith("WARNING: ")).toList();
    return new Ending(exitCode, lines, Files.exists(log) ? Files.readAllLines(log) : List.of());
  }

  @Test
  void anOldDriverIsSaidToBeOld() throws IOException, InterruptedException {
    Ending ending = verify("old");
    assertThat(ending.said())
        .containsExactly(
            "regroup: cuda: driver: expected CUDA 12.0 or newer, found 11.8 -> update the NVIDIA"
                + " driver to 525.60 or newer, or use --device cpu");
    assertThat(ending.exitCode()).isEqualTo(ExitCode.NO_DEVICE);
  }

  @Test
  void aDriverWithoutAGpuIsSaidToHaveNone() throws IOException, InterruptedException {
    Ending ending = verify("none");
    assertThat(ending.said())
        .containsExactly(
            "regroup: cuda: expected an NVIDIA GPU, found none -> use --device cpu, or look at"
                + " nvidia-smi");
    assertThat(ending.exitCode()).isEqualTo(ExitCode.NO_DEVICE);
  }

  @Test
  void memoryThatIsUsedUpIsGivenBack() throws IOException, InterruptedException {
    Ending ending = verify("full");
    assertThat(ending.said())
        .singleElement()
        .asString()
        .matches(
            "regroup: cuda:0: memory: expected room for \\d+ bytes more, found \\d+ in use and the"
                + " device has 8589934592 bytes -> .*");
    assertThat(ending.exitCode()).isEqualTo(ExitCode.NO_DEVICE);
    assertThat(ending.log()).singleElement().asString().matches("released: 0 of [1-9]\\d* held");
  }

  @Test
  void aKernelFaultIsSaidOnceAndTheDeviceIsReset() throws IOException, InterruptedException {
    Ending ending = verify("fault");
    assertThat(ending.said())
        .singleElement()
        .asString()
        .matches("regroup: cuda: .*CUDA_ERROR_ILLEGAL_ADDRESS \\(700\\) -> .*");
    assertThat(ending.exitCode()).isEqualTo(ExitCode.NO_DEVICE);
    assertThat(ending.log()).hasSize(2);
    assertThat(ending.log().getFirst()).matches("reset: 0 of [1-9]\\d* held");
  }
}
