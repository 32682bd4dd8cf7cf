package dev.regroup.runtime.cuda;

/// Carries activations between the host's float32 arrays and the device; the lock of everybody who
/// does, since intermediate results share their memory.
final class HostBridge {
  private final CudaMath math;

  HostBridge(CudaMath math) {
    this.math = math;
  }

  CudaMath math() {
    return math;
  }

  /// Rows as float32 on the device.
  DeviceBlock upload(String name, float[] x, int rows) {
    math.synchronize(); // what the name held has been read
    DeviceBlock block = math.scratch().block(name, Precision.FLOAT32, rows, x.length / rows);
    PlainCopy.upload(math.context(), x, block.address());
    return block;
  }

  /// Rows in the precision of the math.
  DeviceBlock uploadCast(String name, float[] x, int rows) {
    DeviceBlock block = upload(name + "Host", x, rows);
    if (math.precision() == Precision.FLOAT32) {
      return block;
    }
    DeviceBlock cast = math.block(name, rows, block.columns());
    math.copy(block, cast);
    return cast;
  }

  /// Rows as the host has them, after the work that makes them.
  float[] download(DeviceBlock x) {
    if (x.type() == Precision.FLOAT32 && x.stride() == x.columns()) {
      return PlainCopy.download(math.context(), x, math.stream());
    }
    DeviceBlock wide = math.scratch().block("downloaded", Precision.FLOAT32, x.rows(), x.columns());
    math.copy(x, wide);
    return PlainCopy.download(math.context(), wide, math.stream());
  }
}
