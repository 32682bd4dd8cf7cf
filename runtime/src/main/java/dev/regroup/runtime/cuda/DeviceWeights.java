package dev.regroup.runtime.cuda;

import dev.regroup.formats.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Weights of a sublayer on the device, and the owner of their memory.
final class DeviceWeights implements AutoCloseable {
  private final CudaMath loader;
  private final WeightPool pool;
  private final WeightSource source;
  private final List<CudaBuffer> owned = new ArrayList<>();

  /// @param loader copies and decodes, on a stream of its own, so that it runs beside computing
  DeviceWeights(CudaMath loader, WeightPool pool, WeightSource source) {
    this.loader = loader;
    this.pool = pool;
    this.source = source;
  }

  /// What copies and decodes.
  CudaMath loader() {
    return loader;
  }

  /// Room for a matrix in the activations' precision.
  DeviceBlock room(int rows, int columns) {
    CudaBuffer buffer = own(pool.take(bytes(loader.precision(), rows, columns)));
    return DeviceBlock.of(buffer, loader.precision(), rows, columns);
  }

  private static long bytes(Precision precision, int rows, int columns) {
    return Math.multiplyExact((long) rows * columns, precision.bytes());
  }

  private CudaBuffer own(CudaBuffer buffer) {
    owned.add(buffer);
    return buffer;
  }

  /// Reads a tensor into `to`.
  void read(String name, DeviceBlock to) {
    source.read(name, to);
  }

  /// A matrix of a checkpoint.
  DeviceBlock matrix(String name, Shape shape) {
    DeviceBlock room = room((int) shape.extent(0), (int) shape.extent(1));
    read(name, room);
    return room;
  }

  /// A vector of a checkpoint, float32 whatever the precision: gains and biases.
  CudaBuffer vector(String name) {
    int count = (int) source.elements(name);
    CudaBuffer buffer = own(pool.take(4L * count));
    read(name, DeviceBlock.of(buffer, Precision.FLOAT32, 1, count));
    return buffer;
  }

  /// A linear layer of a checkpoint.
  DeviceLinear linear(String weight, Shape shape, @Nullable String bias) {
    return new DeviceLinear(matrix(weight, shape), bias == null ? null : vector(bias));
  }

  /// Float32 room for a vector.
  CudaBuffer vectorRoom(int count) {
    return own(pool.take(4L * count));
  }

  @Override
  public void close() {
    owned.forEach(pool::giveBack);
    owned.clear();
  }
}
