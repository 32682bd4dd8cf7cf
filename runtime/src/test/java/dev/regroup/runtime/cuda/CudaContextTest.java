package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.runtime.DeviceException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class CudaContextTest {
  @Test
  void carriesElementsThereAndBack() {
    try (CudaContext context = Gpu.open();
        CudaBuffer buffer = context.allocate(12)) {
      assertThat(buffer.upload(new float[] {1, -2, 3}).floats(3)).containsExactly(1, -2, 3);
    }
  }

  @Test
  void countsWhatIsHeldAndKeepsThePeak() {
    try (CudaContext context = Gpu.open()) {
      CudaBuffer first = context.allocate(1000);
      CudaBuffer second = context.allocate(500);
      first.close();
      first.close();
      assertThat(context.usedBytes()).isEqualTo(500);
      assertThat(context.peakBytes()).isEqualTo(1500);
      second.close();
      assertThat(context.usedBytes()).isZero();
    }
  }

  @Test
  void refusesMoreThanItsLimitInOneLine() {
    try (CudaContext context = Gpu.open(OptionalLong.of(1 << 20));
        CudaBuffer held = context.allocate(1 << 19)) {
      assertThatThrownBy(() -> context.allocate((1 << 19) + 1))
          .isInstanceOf(DeviceException.class)
          .hasMessageContaining("--device-memory allows 1048576 bytes")
          .hasMessageNotContaining("\n");
      assertThat(context.usedBytes()).isEqualTo(held.bytes());
    }
  }

  @Test
  void saysThatTheDeviceIsFull() {
    try (CudaContext context = Gpu.open()) {
      assertThatThrownBy(() -> context.allocate(1L << 45))
          .isInstanceOf(DeviceException.class)
          .hasMessageContaining("memory");
      assertThat(context.usedBytes()).isZero();
    }
  }

  /// In a process of its own: after a fault the driver serves its process no more.
  @Test
  void saysOnceThatAKernelFailedAndLeavesNothingBehind() throws IOException, InterruptedException {
    long before;
    try (CudaContext context = Gpu.open()) {
      before = context.availableBytes();
    }
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                FaultyKernel.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isEqualTo(5);
    assertThat(said).contains("waiting for kernels: CUDA_ERROR_ILLEGAL_ADDRESS (700)");
    try (CudaContext context = Gpu.open()) {
      assertThat(context.availableBytes()).isGreaterThan(before - (1L << 29));
    }
  }

  @Test
  void replaysWhatItCaptured() {
    try (CudaContext context = Gpu.open();
        CudaStream stream = context.stream();
        CudaBuffer x = context.allocate(8).upload(new float[] {1, 2});
        CudaBuffer y = context.allocate(8).upload(new float[] {10, 20})) {
      CudaKernel add = context.module("forward").kernel("add_f32");
      try (CudaGraph graph =
          stream.capture(() -> add.launch(stream, CudaKernel.Launch.of(1, 32), x, y, 2L))) {
        assertThat(x.floats(2)).containsExactly(1, 2);
        graph.launch(stream);
        graph.launch(stream);
        stream.synchronize();
        assertThat(x.floats(2)).containsExactly(21, 42);
      }
    }
  }
}
