package dev.regroup.runtime.cuda;

import dev.regroup.runtime.DeviceException;
import java.util.OptionalLong;

/// A process whose kernel reads where nothing is; it ends with exit code 5.
final class FaultyKernel {
  private FaultyKernel() {}

  /// Takes memory, fails, frees it, and says why.
  public static void main(String[] args) {
    try (CudaContext context = CudaContext.open(CudaDevice.at(0), OptionalLong.empty())) {
      CudaBuffer held = context.allocate(1L << 30);
      CudaStream stream = context.stream();
      context
          .module("forward")
          .kernel("add_f32")
          .launch(stream, CudaKernel.Launch.of(1, 32), 64L, held, 32L);
      stream.synchronize();
    } catch (DeviceException e) {
      System.out.println(e.getMessage());
      System.exit(5);
    }
  }
}
