package dev.regroup.runtime.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import jcuda.driver.JCudaDriver;

/// Page-locked host memory, from which copies run beside computing.
public final class PinnedBuffer implements AutoCloseable {
  private final CudaContext context;
  private final long address;
  private final ByteBuffer content;
  private boolean closed;

  private PinnedBuffer(CudaContext context, long address, ByteBuffer content) {
    this.context = context;
    this.address = address;
    this.content = content;
  }

  static PinnedBuffer allocate(CudaContext context, long bytes) {
    if (bytes < 1 || bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "pinned memory: expected 1 to 2^31-1 bytes, found " + bytes);
    }
    var pointer = new Driver.HostPointer();
    Driver.check(
        JCudaDriver.cuMemHostAlloc(pointer, bytes, 0), "cuMemHostAlloc(%d bytes)".formatted(bytes));
    ByteBuffer content = pointer.getByteBuffer(0, bytes).order(ByteOrder.LITTLE_ENDIAN);
    return new PinnedBuffer(context, pointer.value(), content);
  }

  /// Its content, little-endian; not to be touched while a copy is under way, nor after closing.
  public ByteBuffer content() {
    return content;
  }

  /// Starts copying the first `bytes` bytes to the device.
  ///
  /// @param at the first byte of `to` that is written
  public void copyTo(CudaBuffer to, long at, long bytes, CudaStream stream) {
    Objects.checkFromIndexSize(at, bytes, to.bytes());
    context.use();
    Driver.check(
        JCudaDriver.cuMemcpyHtoDAsync(
            Driver.pointer(to.address() + at), Driver.host(address), bytes, stream.handle()),
        "copying %d bytes to the device".formatted(bytes));
  }

  /// Starts copying the first `bytes` bytes to a device address.
  void copyTo(long to, long bytes, CudaStream stream) {
    context.use();
    Driver.check(
        JCudaDriver.cuMemcpyHtoDAsync(
            Driver.pointer(to), Driver.host(address), bytes, stream.handle()),
        "copying %d bytes to the device".formatted(bytes));
  }

  /// Starts copying `bytes` bytes from the device into the first of these.
  ///
  /// @param at the first byte of `from` that is read
  public void copyFrom(CudaBuffer from, long at, long bytes, CudaStream stream) {
    Objects.checkFromIndexSize(at, bytes, from.bytes());
    context.use();
    Driver.check(
        JCudaDriver.cuMemcpyDtoHAsync(
            Driver.host(address), Driver.pointer(from.address() + at), bytes, stream.handle()),
        "copying %d bytes from the device".formatted(bytes));
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      JCudaDriver.cuMemFreeHost(Driver.host(address));
    }
  }
}
