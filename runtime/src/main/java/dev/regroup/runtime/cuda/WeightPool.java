package dev.regroup.runtime.cuda;

import dev.regroup.runtime.DeviceException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/// Memory of weights, kept when a layer is dropped for the next one of the same shape: allocating
/// stops the device, and layers that stream through it come by the hundred.
///
/// Safe for use by several threads.
final class WeightPool implements AutoCloseable {
  private final CudaContext context;
  private final Map<Long, Deque<CudaBuffer>> kept = new HashMap<>();

  WeightPool(CudaContext context) {
    this.context = context;
  }

  /// Memory of exactly this size, its content undefined.
  ///
  /// @throws DeviceException where there is not enough, also without what is kept
  synchronized CudaBuffer take(long bytes) {
    Deque<CudaBuffer> same = kept.get(bytes);
    if (same != null && !same.isEmpty()) {
      return same.pop();
    }
    try {
      return context.allocate(bytes);
    } catch (DeviceException e) {
      clear();
      return context.allocate(bytes);
    }
  }

  /// Takes memory back that no started work uses any more.
  synchronized void giveBack(CudaBuffer buffer) {
    kept.computeIfAbsent(buffer.bytes(), _ -> new ArrayDeque<>()).push(buffer);
  }

  /// Frees what is kept.
  synchronized void clear() {
    kept.values().forEach(buffers -> buffers.forEach(CudaBuffer::close));
    kept.clear();
  }

  @Override
  public void close() {
    clear();
  }
}
