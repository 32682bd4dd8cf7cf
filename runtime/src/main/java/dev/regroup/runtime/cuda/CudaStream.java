package dev.regroup.runtime.cuda;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/// An order of work on the device.
public final class CudaStream implements AutoCloseable {
  private final CudaContext context;
  private final Handle handle;
  private boolean closed;

  private CudaStream(CudaContext context, Handle handle) {
    this.context = context;
    this.handle = handle;
  }

  static CudaStream create(CudaContext context) {
    Handle handle = new Handle();
    Driver.check(
        JCudaDriver.cuStreamCreate(handle, CUstream_flags.CU_STREAM_NON_BLOCKING),
        "cuStreamCreate");
    return new CudaStream(context, handle);
  }

  CudaContext context() {
    return context;
  }

  CUstream handle() {
    return handle;
  }

  /// The driver's handle, for cuBLAS.
  long address() {
    return handle.value();
  }

  private static final class Handle extends CUstream {
    long value() {
      return getNativePointer();
    }
  }

  /// Waits for the work given so far.
  ///
  /// @throws dev.regroup.runtime.DeviceException where a kernel failed
  public void synchronize() {
    context.use();
    Driver.check(JCudaDriver.cuStreamSynchronize(handle), "waiting for kernels");
  }

  /// Lets what is given from now on wait for `event`.
  public void await(CudaEvent event) {
    context.use();
    Driver.check(JCudaDriver.cuStreamWaitEvent(handle, event.handle(), 0), "cuStreamWaitEvent");
  }

  /// Starts setting bytes.
  public void fill(CudaBuffer buffer, int value) {
    context.use();
    Driver.check(
        JCudaDriver.cuMemsetD8Async(
            Driver.pointer(buffer.address()), (byte) value, buffer.bytes(), handle),
        "cuMemsetD8Async");
  }

  /// Starts setting bytes to zero.
  void fill(long address, long bytes) {
    context.use();
    Driver.check(
        JCudaDriver.cuMemsetD8Async(Driver.pointer(address), (byte) 0, bytes, handle),
        "cuMemsetD8Async");
  }

  /// Starts copying bytes within the device.
  public void copy(CudaBuffer from, long fromByte, CudaBuffer to, long toByte, long bytes) {
    context.use();
    Driver.check(
        JCudaDriver.cuMemcpyDtoDAsync(
            Driver.pointer(to.address() + toByte),
            Driver.pointer(from.address() + fromByte),
            bytes,
            handle),
        "cuMemcpyDtoDAsync");
  }

  /// Records what `work` gives to this stream, instead of running it, as one graph.
  public CudaGraph capture(Runnable work) {
    context.use();
    Driver.check(
        JCudaDriver.cuStreamBeginCapture(
            handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture");
    CUgraph graph = new CUgraph();
    try {
      work.run();
    } finally {
      Driver.check(JCudaDriver.cuStreamEndCapture(handle, graph), "cuStreamEndCapture");
    }
    CUgraphExec executable = new CUgraphExec();
    Driver.check(JCudaDriver.cuGraphInstantiate(executable, graph, 0), "cuGraphInstantiate");
    return new CudaGraph(context, graph, executable);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      JCudaDriver.cuStreamDestroy(handle);
    }
  }
}
