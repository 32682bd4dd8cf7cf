package dev.regroup.runtime.cuda;

import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;

/// A point in a stream's work.
public final class CudaEvent implements AutoCloseable {
  private final CudaContext context;
  private final CUevent handle;
  private boolean closed;

  private CudaEvent(CudaContext context, CUevent handle) {
    this.context = context;
    this.handle = handle;
  }

  static CudaEvent create(CudaContext context) {
    CUevent handle = new CUevent();
    Driver.check(JCudaDriver.cuEventCreate(handle, 0), "cuEventCreate");
    return new CudaEvent(context, handle);
  }

  CUevent handle() {
    return handle;
  }

  /// Marks the point after the work that `stream` was given so far.
  public CudaEvent record(CudaStream stream) {
    context.use();
    Driver.check(JCudaDriver.cuEventRecord(handle, stream.handle()), "cuEventRecord");
    return this;
  }

  /// Waits until the device has come here.
  public CudaEvent synchronize() {
    context.use();
    Driver.check(JCudaDriver.cuEventSynchronize(handle), "waiting for kernels");
    return this;
  }

  /// Milliseconds of device time from `earlier` to here; both must have been synchronized.
  public float millisecondsSince(CudaEvent earlier) {
    context.use();
    float[] milliseconds = new float[1];
    Driver.check(
        JCudaDriver.cuEventElapsedTime(milliseconds, earlier.handle, handle), "cuEventElapsedTime");
    return milliseconds[0];
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      JCudaDriver.cuEventDestroy(handle);
    }
  }
}
