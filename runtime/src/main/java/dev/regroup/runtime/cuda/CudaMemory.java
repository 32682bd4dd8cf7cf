package dev.regroup.runtime.cuda;

import dev.regroup.runtime.train.Memory;

/// Float32 elements on the device; copies wait for the work of one stream.
record CudaMemory(CudaBuffer buffer, CudaStream stream) implements Memory {
  static CudaMemory of(Memory memory) {
    if (memory instanceof CudaMemory cuda) {
      return cuda;
    }
    throw new IllegalArgumentException("expected memory of this device, found " + memory);
  }

  static CudaBuffer buffer(Memory memory) {
    return of(memory).buffer;
  }

  long address() {
    return buffer.address();
  }

  @Override
  public long length() {
    return buffer.bytes() / Float.BYTES;
  }

  @Override
  public void upload(float[] from, long at) {
    stream.synchronize();
    buffer.upload(from, Float.BYTES * at);
  }

  @Override
  public void download(float[] into, long at) {
    stream.synchronize();
    buffer.download(into, Float.BYTES * at);
  }

  @Override
  public void close() {
    buffer.close();
  }
}
