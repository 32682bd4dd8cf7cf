package dev.regroup.runtime.cuda;

import dev.regroup.runtime.DeviceException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/// One device in use: every buffer, stream and module on it is made here, and accounted for.
///
/// Closing it frees whatever is still held, also after a kernel fault, so that memory never outlives
/// the context. Safe for use by several threads.
public final class CudaContext implements AutoCloseable {
  private final CudaDevice device;
  private final CUdevice handle = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final long limit;
  private final Map<String, CudaModule> modules = new HashMap<>();
  private final Set<CudaBuffer> held = new HashSet<>();
  private final AtomicLong used = new AtomicLong();
  private final AtomicLong peak = new AtomicLong();
  private volatile boolean closed;

  private CudaContext(CudaDevice device, OptionalLong limit) {
    this.device = device;
    this.limit = limit.orElse(Long.MAX_VALUE);
  }

  /// Takes a device.
  ///
  /// @param limit bytes of device memory to hold at a time at most
  /// @throws DeviceException where the device cannot be had
  public static CudaContext open(CudaDevice device, OptionalLong limit) {
    var opened = new CudaContext(device, limit);
    Driver.check(JCudaDriver.cuDeviceGet(opened.handle, device.ordinal()), "cuDeviceGet");
    Driver.check(
        JCudaDriver.cuDevicePrimaryCtxRetain(opened.context, opened.handle),
        "cuDevicePrimaryCtxRetain");
    opened.use();
    return opened;
  }

  /// What it runs on.
  public CudaDevice device() {
    return device;
  }

  /// Bytes that may be held at a time; {@link Long#MAX_VALUE} where only the device limits.
  public long limit() {
    return limit;
  }

  /// Bytes held now.
  public long usedBytes() {
    return used.get();
  }

  /// The most bytes that were held at a time, since the start or the last {@link #resetPeak}.
  public long peakBytes() {
    return peak.get();
  }

  /// Begins a new peak at what is held now.
  public void resetPeak() {
    peak.set(used.get());
  }

  /// Bytes that could be allocated now: what the limit leaves, and the device.
  public long availableBytes() {
    use();
    long[] free = new long[1];
    long[] total = new long[1];
    Driver.check(JCudaDriver.cuMemGetInfo(free, total), "cuMemGetInfo");
    return Math.min(free[0], limit - used.get());
  }

  /// Makes this context the calling thread's.
  void use() {
    if (closed) {
      throw new IllegalStateException("the CUDA context is closed");
    }
    Driver.check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
  }

  /// Device memory, its content undefined.
  ///
  /// @throws DeviceException where the limit or the device has not that much left
  public CudaBuffer allocate(long bytes) {
    use();
    long size = Math.max(bytes, 16);
    long now = used.addAndGet(size);
    if (now > limit) {
      used.addAndGet(-size);
      throw outOfMemory(bytes, "--device-memory allows %d bytes".formatted(limit));
    }
    var address = new Driver.Address();
    int result = JCudaDriver.cuMemAlloc(address, size);
    if (result != CUresult.CUDA_SUCCESS) {
      used.addAndGet(-size);
      if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
        throw outOfMemory(bytes, "the device has %d bytes".formatted(device.memoryBytes()));
      }
      throw Driver.failure(result, "cuMemAlloc(%d bytes)".formatted(bytes));
    }
    peak.accumulateAndGet(now, Math::max);
    var buffer = new CudaBuffer(this, address.value(), bytes, size);
    synchronized (held) {
      held.add(buffer);
    }
    return buffer;
  }

  /// Memory that another buffer owns, and that is there as long as its owner; closing does nothing.
  public CudaBuffer view(long address, long bytes) {
    return new CudaBuffer(this, address, bytes, 0);
  }

  private DeviceException outOfMemory(long bytes, String bound) {
    return new DeviceException(
        ("cuda:%d: memory: expected room for %d bytes more, found %d in use and %s -> give it more,"
                + " or fewer tokens at a time")
            .formatted(device.ordinal(), bytes, used.get(), bound));
  }

  /// Gives memory back; called once, by the buffer.
  void free(CudaBuffer buffer, long size) {
    synchronized (held) {
      if (!held.remove(buffer)) {
        return;
      }
    }
    used.addAndGet(-size);
    if (!closed) {
      use();
      // after a kernel fault every call fails, and closing the context frees all
      JCudaDriver.cuMemFree(Driver.pointer(buffer.address()));
    }
  }

  /// Host memory that the device copies from and to by itself.
  public PinnedBuffer pinned(long bytes) {
    use();
    return PinnedBuffer.allocate(this, bytes);
  }

  /// A new stream: work given to it runs in order, beside that of other streams.
  public CudaStream stream() {
    use();
    return CudaStream.create(this);
  }

  /// A new event, for timing and for ordering streams.
  public CudaEvent event() {
    use();
    return CudaEvent.create(this);
  }

  /// The kernels of the resource `dev/regroup/runtime/cuda/NAME.ptx`, compiled by the driver at the
  /// first call and kept.
  public CudaModule module(String name) {
    synchronized (modules) {
      use();
      return modules.computeIfAbsent(name, n -> CudaModule.load(this, n));
    }
  }

  /// Waits for all work given so far.
  ///
  /// @throws DeviceException where a kernel failed
  public void synchronize() {
    use();
    Driver.check(JCudaDriver.cuCtxSynchronize(), "waiting for device " + device.ordinal());
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    use();
    int state = JCudaDriver.cuCtxSynchronize();
    closed = true;
    synchronized (held) {
      for (CudaBuffer buffer : held) {
        JCudaDriver.cuMemFree(Driver.pointer(buffer.address()));
      }
      held.clear();
      used.set(0);
    }
    synchronized (modules) {
      for (CudaModule module : modules.values()) {
        CUmodule loaded = module.handle();
        JCudaDriver.cuModuleUnload(loaded);
      }
      modules.clear();
    }
    if (state != CUresult.CUDA_SUCCESS) {
      JCudaDriver.cuDevicePrimaryCtxReset(handle);
    }
    JCudaDriver.cuDevicePrimaryCtxRelease(handle);
  }
}
