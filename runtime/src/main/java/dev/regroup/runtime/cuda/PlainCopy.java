package dev.regroup.runtime.cuda;

import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/// Copies between Java arrays and device addresses; each waits until it is done.
final class PlainCopy {
  private PlainCopy() {}

  static void upload(CudaContext context, float[] from, long to) {
    context.use();
    Driver.check(
        JCudaDriver.cuMemcpyHtoD(Driver.pointer(to), Pointer.to(from), 4L * from.length),
        "copying %d bytes to the device".formatted(4L * from.length));
    context.synchronize(); // the call may return before the last bytes are there
  }

  /// Copies a whole matrix of float32 whose rows follow each other, after the work of `stream`.
  static float[] download(CudaContext context, DeviceBlock from, CudaStream stream) {
    if (from.stride() != from.columns() || from.type() != Precision.FLOAT32) {
      throw new IllegalArgumentException("expected whole float32 rows, found " + from);
    }
    float[] into = new float[Math.toIntExact(from.elements())];
    stream.synchronize();
    context.use();
    Driver.check(
        JCudaDriver.cuMemcpyDtoH(
            Pointer.to(into), Driver.pointer(from.address()), 4L * into.length),
        "copying %d bytes from the device".formatted(4L * into.length));
    return into;
  }
}
