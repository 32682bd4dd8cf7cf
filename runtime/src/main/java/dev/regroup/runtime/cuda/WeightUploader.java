package dev.regroup.runtime.cuda;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.quantization.ScaledWeight;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.Parallel;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Brings tensors to the device: their bytes as they lie in the file, through page-locked memory, and
/// decoded there; what the device cannot decode comes as float32 from the host.
///
/// While one half of the page-locked memory is copied, the other is filled.
final class WeightUploader implements AutoCloseable {
  private static final int CHUNK_BYTES = 32 << 20;
  private static final int SLICE_BYTES = 1 << 20;

  private final CudaMath math;
  private final CudaStream copies;
  private final PinnedBuffer[] chunks = new PinnedBuffer[2];
  private final CudaEvent[] free = new CudaEvent[2];
  private final CudaEvent arrived;
  private final CudaEvent[] decoded = new CudaEvent[2];
  private int turn;
  private int next;
  private @Nullable Checkpoint last;
  private ScaledWeights scaled = ScaledWeights.none();
  private long bytes;

  WeightUploader(CudaMath math) {
    this.math = math;
    copies = math.context().stream();
    for (int i = 0; i < chunks.length; i++) {
      chunks[i] = math.context().pinned(CHUNK_BYTES);
      free[i] = math.context().event();
      decoded[i] = math.context().event();
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
    Optional<ScaledWeight> weight = scaled(tensors, name);
    if (tensors instanceof Checkpoint checkpoint && weight.isPresent()) {
      dequantize(checkpoint, weight.get(), to);
    } else if (tensors instanceof Checkpoint checkpoint && decodable(info.dtype())) {
      decode(raw(checkpoint, info, to), info.dtype(), to);
      decoded[turn].record(math.stream());
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
    copy(elements, staged.address());
    if (to.type() != Precision.FLOAT32) {
      math.copy(staged, to);
    }
  }

  /// What the checkpoint says of a quantised weight; nothing for one that is not.
  @SuppressWarnings("ReferenceEquality") // whether it is the checkpoint of the last call
  private Optional<ScaledWeight> scaled(Tensors tensors, String name) {
    if (!(tensors instanceof Checkpoint checkpoint)) {
      return Optional.empty();
    }
    if (last != checkpoint) {
      last = checkpoint;
      scaled =
          ScaledWeights.present(checkpoint.infos())
              ? ScaledWeights.of(checkpoint)
              : ScaledWeights.none();
    }
    return scaled.find(name);
  }

  private void dequantize(Checkpoint checkpoint, ScaledWeight weight, DeviceBlock to) {
    Shape shape = weight.weight().shape();
    int columns = (int) shape.extent(1);
    long codes = raw(checkpoint, weight.weight(), to);
    float[] scales = checkpoint.floats(weight.scale().name());
    CudaBuffer onDevice = math.scratch().get("scales" + turn, 4L * scales.length);
    copy(scales, onDevice.address());
    int blockColumns = weight.grain().columns(shape);
    math.dequantize(
        codes,
        onDevice,
        to,
        new CudaMath.Blocks(
            columns,
            weight.grain().rows(shape),
            blockColumns,
            Math.ceilDiv(columns, blockColumns),
            weight.weight().dtype() == Dtype.F8_E5M2));
    decoded[turn].record(math.stream());
  }

  private static boolean decodable(Dtype dtype) {
    return dtype == Dtype.BF16 || dtype == Dtype.F32 || dtype == Dtype.F16;
  }

  private static boolean same(Dtype dtype, Precision precision) {
    return dtype == (precision == Precision.BFLOAT16 ? Dtype.BF16 : Dtype.F32);
  }

  /// The bytes of a tensor on the device: in place where no decoding follows, else in one of two
  /// places in turn, so that one is filled while the other is decoded.
  private long raw(Checkpoint checkpoint, TensorInfo info, DeviceBlock to) {
    long size = info.bytes();
    long at = to.address();
    if (!same(info.dtype(), to.type())) {
      turn = 1 - turn;
      at = math.scratch().get("raw" + turn, size).address();
      copies.await(decoded[turn]);
    }
    for (long offset = 0; offset < size; offset += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, size - offset);
      long from = offset;
      carry(chunk -> read(checkpoint, info.name(), from, chunk.limit(length)), at + offset, length);
    }
    math.stream().await(arrived.record(copies));
    return at;
  }

  /// Reads with several threads: one does not keep up with the device.
  private static void read(Checkpoint checkpoint, String name, long from, ByteBuffer into) {
    int length = into.limit();
    Parallel.forEach(
        Math.ceilDiv(length, SLICE_BYTES),
        slice -> {
          int at = slice * SLICE_BYTES;
          ByteBuffer part = into.slice(at, Math.min(SLICE_BYTES, length - at));
          checkpoint.read(name, from + at, part);
        });
  }

  /// Float32 elements to a device address.
  private void copy(float[] elements, long to) {
    int most = CHUNK_BYTES / Float.BYTES;
    for (int offset = 0; offset < elements.length; offset += most) {
      int from = offset;
      int count = Math.min(most, elements.length - offset);
      carry(
          chunk -> chunk.asFloatBuffer().put(elements, from, count), to + 4L * offset, 4L * count);
    }
    math.stream().await(arrived.record(copies));
  }

  /// Fills one half of the page-locked memory while the other is copied, and starts its copy.
  private void carry(Consumer<ByteBuffer> fill, long to, long length) {
    int chunk = next;
    next = 1 - next;
    free[chunk].synchronize();
    fill.accept(chunks[chunk].content().clear());
    chunks[chunk].copyTo(to, length, copies);
    free[chunk].record(copies);
    bytes += length;
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
        if (to.type() != Precision.FLOAT32) {
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
      decoded[i].close();
    }
    arrived.close();
    copies.close();
  }
}
