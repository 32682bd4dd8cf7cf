package dev.regroup.runtime.cuda;

import java.util.HashMap;
import java.util.Map;

/// Buffers for intermediate results, kept under a name from one use to the next.
///
/// All work on them goes to one stream, so that what a name held is overwritten only after it was
/// read. A buffer that is too small is replaced by a larger one.
final class Scratch implements AutoCloseable {
  private final CudaContext context;
  private final Map<String, CudaBuffer> buffers = new HashMap<>();

  Scratch(CudaContext context) {
    this.context = context;
  }

  /// At least `bytes` bytes, their content undefined.
  CudaBuffer get(String name, long bytes) {
    CudaBuffer kept = buffers.get(name);
    if (kept != null && kept.bytes() >= bytes) {
      return kept;
    }
    if (kept != null) {
      context.synchronize();
      kept.close();
      buffers.remove(name);
    }
    CudaBuffer fresh = context.allocate(bytes);
    buffers.put(name, fresh);
    return fresh;
  }

  /// A matrix, its content undefined.
  DeviceBlock block(String name, Precision type, int rows, int columns) {
    return DeviceBlock.of(get(name, (long) rows * columns * type.bytes()), type, rows, columns);
  }

  /// Gives every buffer back.
  @Override
  public void close() {
    buffers.values().forEach(CudaBuffer::close);
    buffers.clear();
  }
}
