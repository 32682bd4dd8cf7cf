package dev.regroup.runtime.device;

import dev.regroup.runtime.cuda.CudaBackend;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDecodeKernel;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.decode.DecodeKernel;
import java.util.OptionalLong;

/// An NVIDIA GPU in float32: as accurate as the CPU.
public final class CudaRunner implements Device {
  private final CudaContext context;
  private final CudaBackend backend;
  private final CudaDecodeKernel kernel;
  private final String reason;

  private CudaRunner(CudaContext context, String reason) {
    this.context = context;
    this.reason = reason;
    backend = new CudaBackend(context, Precision.FLOAT32);
    kernel = new CudaDecodeKernel(context);
  }

  static CudaRunner open(CudaDevice device, OptionalLong memoryLimit, String reason) {
    CudaContext context = CudaContext.open(device, memoryLimit);
    try {
      return new CudaRunner(context, reason);
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  /// The device in use.
  public CudaContext context() {
    return context;
  }

  @Override
  public CudaBackend backend() {
    return backend;
  }

  @Override
  public DecodeKernel decodeKernel() {
    return kernel;
  }

  @Override
  public DeviceSummary summary() {
    CudaDevice device = context.device();
    return new DeviceSummary(
        "cuda",
        device.name(),
        reason,
        "CUDA driver %s, %s".formatted(device.driver(), backend.products()),
        OptionalLong.of(context.peakBytes()));
  }

  @Override
  public void close() {
    try {
      kernel.close();
      backend.close();
    } finally {
      context.close();
    }
  }
}
