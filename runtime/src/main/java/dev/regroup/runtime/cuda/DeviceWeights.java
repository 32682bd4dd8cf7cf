package dev.regroup.runtime.cuda;

import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Weights of a sublayer on the device, and the owner of their memory.
final class DeviceWeights implements AutoCloseable {
  private final CudaMath math;
  private final WeightUploader uploader;
  private final Tensors tensors;
  private final List<CudaBuffer> owned = new ArrayList<>();

  DeviceWeights(CudaMath math, WeightUploader uploader, Tensors tensors) {
    this.math = math;
    this.uploader = uploader;
    this.tensors = tensors;
  }

  /// Room for a matrix in the activations' precision.
  DeviceBlock room(int rows, int columns) {
    CudaBuffer buffer = own(math.context().allocate(bytes(math.precision(), rows, columns)));
    return DeviceBlock.of(buffer, math.precision(), rows, columns);
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
    uploader.upload(tensors, name, to);
  }

  /// A matrix of a checkpoint.
  DeviceBlock matrix(String name, Shape shape) {
    DeviceBlock room = room((int) shape.extent(0), (int) shape.extent(1));
    read(name, room);
    return room;
  }

  /// A vector of a checkpoint, float32 whatever the precision: gains and biases.
  CudaBuffer vector(String name) {
    int count = (int) size(name);
    CudaBuffer buffer = own(math.context().allocate(4L * count));
    read(name, DeviceBlock.of(buffer, Precision.FLOAT32, 1, count));
    return buffer;
  }

  private long size(String name) {
    return tensors
        .find(name)
        .orElseThrow(() -> new IllegalArgumentException(name + " is not in the checkpoint"))
        .shape()
        .elements();
  }

  /// A linear layer of a checkpoint.
  DeviceLinear linear(String weight, Shape shape, @Nullable String bias) {
    return new DeviceLinear(matrix(weight, shape), bias == null ? null : vector(bias));
  }

  /// Float32 room for a vector.
  CudaBuffer vectorRoom(int count) {
    return own(math.context().allocate(4L * count));
  }

  /// Whether the checkpoint has a tensor.
  boolean has(String name) {
    return tensors.find(name).isPresent();
  }

  @Override
  public void close() {
    owned.forEach(CudaBuffer::close);
    owned.clear();
  }
}
