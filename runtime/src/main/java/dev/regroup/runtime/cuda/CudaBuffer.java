package dev.regroup.runtime.cuda;

import java.util.Objects;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/// Device memory; whoever allocated it closes it. Closing twice does nothing.
public final class CudaBuffer implements AutoCloseable {
  private final CudaContext context;
  private final long address;
  private final long bytes;
  private final long size;

  CudaBuffer(CudaContext context, long address, long bytes, long size) {
    this.context = context;
    this.address = address;
    this.bytes = bytes;
    this.size = size;
  }

  /// Where it begins, in the device's address space.
  public long address() {
    return address;
  }

  /// Bytes that were asked for.
  public long bytes() {
    return bytes;
  }

  /// Copies elements in, beginning at byte `at`, and waits.
  public CudaBuffer upload(float[] from, long at) {
    return upload(Pointer.to(from), 4L * from.length, at);
  }

  /// Copies all elements in and waits.
  public CudaBuffer upload(float[] from) {
    return upload(from, 0);
  }

  /// Copies all elements in and waits.
  public CudaBuffer upload(int[] from) {
    return upload(Pointer.to(from), 4L * from.length, 0);
  }

  /// Copies all elements in and waits.
  public CudaBuffer upload(short[] from) {
    return upload(Pointer.to(from), 2L * from.length, 0);
  }

  /// Copies all elements in and waits.
  public CudaBuffer upload(long[] from) {
    return upload(Pointer.to(from), 8L * from.length, 0);
  }

  private CudaBuffer upload(Pointer from, long length, long at) {
    Objects.checkFromIndexSize(at, length, bytes);
    context.use();
    Driver.check(
        JCudaDriver.cuMemcpyHtoD(Driver.pointer(address + at), from, length),
        "copying %d bytes to the device".formatted(length));
    context.synchronize(); // the call may return before the last bytes are there
    return this;
  }

  /// The first elements, after waiting for the device.
  public float[] floats(int count) {
    float[] into = new float[count];
    download(Pointer.to(into), 4L * count, 0);
    return into;
  }

  /// Copies `into.length` elements out, beginning at byte `at`, after waiting for the device.
  public void download(float[] into, long at) {
    download(Pointer.to(into), 4L * into.length, at);
  }

  /// The first elements, after waiting for the device.
  public int[] ints(int count) {
    int[] into = new int[count];
    download(Pointer.to(into), 4L * count, 0);
    return into;
  }

  /// The first elements, after waiting for the device.
  public short[] shorts(int count) {
    short[] into = new short[count];
    download(Pointer.to(into), 2L * count, 0);
    return into;
  }

  /// The first elements, after waiting for the device.
  public double[] doubles(int count) {
    double[] into = new double[count];
    download(Pointer.to(into), 8L * count, 0);
    return into;
  }

  private void download(Pointer into, long length, long at) {
    Objects.checkFromIndexSize(at, length, bytes);
    context.use();
    context.synchronize();
    Driver.check(
        JCudaDriver.cuMemcpyDtoH(into, Driver.pointer(address + at), length),
        "copying %d bytes from the device".formatted(length));
  }

  /// Sets every byte, and waits.
  public CudaBuffer fill(int value) {
    context.use();
    Driver.check(
        JCudaDriver.cuMemsetD8(Driver.pointer(address), (byte) value, bytes), "cuMemsetD8");
    context.synchronize();
    return this;
  }

  @Override
  public void close() {
    context.free(this, size);
  }
}
