package dev.regroup.runtime.cuda;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.tensor.Tensors;

/// Brings tensors to the device: their bytes as they lie in the file, through page-locked memory, and
/// decoded there; what the device cannot decode comes as float32 from the host.
///
/// While one half of the page-locked memory is copied, the other is filled.
final class WeightUploader implements AutoCloseable {
  private static final int CHUNK_BYTES = 32 << 20;

  private final CudaMath math;
  private final CudaStream copies;
  private final PinnedBuffer[] chunks = new PinnedBuffer[2];
  private final CudaEvent[] free = new CudaEvent[2];
  private final CudaEvent arrived;
  private int next;
  private long bytes;

  WeightUploader(CudaMath math) {
    this.math = math;
    copies = math.context().stream();
    for (int i = 0; i < chunks.length; i++) {
      chunks[i] = math.context().pinned(CHUNK_BYTES);
      free[i] = math.context().event();
    }
    arrived = math.context().event();
  }

  /// Bytes copied to the device so far.
  long bytes() {
    return bytes;
  }

  /// Brings one tensor to a place on the device.
  ///
  /// @param to as many elements as the tensor has, in whatever shape
  void upload(Tensors tensors, String name, DeviceBlock to) {
    TensorInfo info =
        tensors
            .find(name)
            .orElseThrow(() -> new IllegalArgumentException(name + " is not in the checkpoint"));
    if (info.shape().elements() != to.elements()) {
      throw new IllegalArgumentException(
          "%s: expected %d elements, found %s".formatted(name, to.elements(), info.shape()));
    }
    if (tensors instanceof Checkpoint checkpoint && decodable(info.dtype())) {
      decode(raw(checkpoint, info, to), info.dtype(), to);
    } else {
      upload(tensors.floats(name), to);
    }
  }

  /// Brings float32 elements to a place on the device.
  void upload(float[] elements, DeviceBlock to) {
    DeviceBlock staged = to;
    if (to.type() != Precision.FLOAT32) {
      math.synchronize(); // what was staged before has been read
      staged = math.scratch().block("staged", Precision.FLOAT32, to.rows(), to.columns());
    }
    PlainCopy.upload(math.context(), elements, staged.address());
    bytes += 4L * elements.length;
    if (staged != to) {
      math.copy(staged, to);
    }
  }

  private static boolean decodable(Dtype dtype) {
    return dtype == Dtype.BF16 || dtype == Dtype.F32 || dtype == Dtype.F16;
  }

  private static boolean same(Dtype dtype, Precision precision) {
    return dtype == (precision == Precision.BFLOAT16 ? Dtype.BF16 : Dtype.F32);
  }

  /// The bytes of a tensor on the device: in place where no decoding follows, else in scratch.
  private long raw(Checkpoint checkpoint, TensorInfo info, DeviceBlock to) {
    long size = info.bytes();
    long at = to.address();
    if (!same(info.dtype(), to.type())) {
      math.synchronize();
      at = math.scratch().get("raw", size).address();
    }
    for (long offset = 0; offset < size; offset += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, size - offset);
      int chunk = next;
      next = 1 - next;
      free[chunk].synchronize();
      checkpoint.read(info.name(), offset, chunks[chunk].content().clear().limit(length));
      chunks[chunk].copyTo(at + offset, length, copies);
      free[chunk].record(copies);
    }
    bytes += size;
    math.stream().await(arrived.record(copies));
    return at;
  }

  private void decode(long raw, Dtype dtype, DeviceBlock to) {
    if (same(dtype, to.type())) {
      return;
    }
    switch (dtype) {
      case F32 ->
          math.copy(
              new DeviceBlock(raw, Precision.FLOAT32, to.rows(), to.columns(), to.columns()), to);
      case BF16 ->
          math.copy(
              new DeviceBlock(raw, Precision.BFLOAT16, to.rows(), to.columns(), to.columns()), to);
      case F16 -> {
        DeviceBlock wide = to;
        if (to.type() != Precision.FLOAT32) {
          wide = math.scratch().block("staged", Precision.FLOAT32, to.rows(), to.columns());
        }
        math.expandHalf(raw, wide);
        if (wide != to) {
          math.copy(wide, to);
        }
      }
      default -> throw new IllegalArgumentException(dtype + " is not decoded on the device");
    }
  }

  @Override
  public void close() {
    copies.synchronize();
    for (int i = 0; i < chunks.length; i++) {
      chunks[i].close();
      free[i].close();
    }
    arrived.close();
    copies.close();
  }
}
