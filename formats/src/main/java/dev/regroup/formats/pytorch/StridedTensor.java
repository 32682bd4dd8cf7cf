package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.pytorch.Value.Tensor;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;

/// A view of a storage, checked: every element lies inside.
///
/// @param offset of its first element in the storage, elements
/// @param strides elements
record StridedTensor(TensorInfo info, long offset, long[] strides) {
  /// Checks a tensor against the storage that it views.
  ///
  /// @param file named in errors
  /// @param storageBytes that the storage has
  /// @throws CheckpointException where an element lies outside, or the storage has another length
  ///   than its id says
  static StridedTensor of(Path file, String name, Tensor tensor, long storageBytes) {
    Value.Storage storage = tensor.storage();
    Dtype dtype = tensor.dtype();
    int width = dtype.bits() / 8;
    try {
      long promised =
          Math.multiplyExact(storage.elements(), storage.type().dtype().orElseThrow().bits() / 8);
      if (promised != storageBytes) {
        throw wrong(
            file,
            name,
            "expected storage %s to have %d bytes, found %d -> damaged: download it again"
                .formatted(Quoted.of(storage.key()), promised, storageBytes));
      }
      long elements = elements(tensor.shape());
      long last = tensor.offset();
      for (int axis = 0; axis < tensor.shape().length && elements > 0; axis++) {
        last =
            Math.addExact(
                last, Math.multiplyExact(tensor.shape()[axis] - 1, tensor.strides()[axis]));
      }
      boolean inside = elements == 0 || last < storageBytes / width;
      Math.multiplyExact(elements, width);
      if (inside) {
        TensorInfo info = new TensorInfo(name, dtype, Shape.of(tensor.shape()));
        return new StridedTensor(info, elements == 0 ? 0 : tensor.offset(), tensor.strides());
      }
    } catch (ArithmeticException e) {
      // More than 64 bits of elements lie outside as well.
    }
    throw wrong(
        file,
        name,
        "%s of %s from element %d on reaches beyond storage %s of %d bytes"
            .formatted(
                Shape.describe(tensor.shape()),
                dtype,
                tensor.offset(),
                Quoted.of(storage.key()),
                storageBytes));
  }

  /// Whether its elements lie end to end in row-major order.
  boolean isContiguous() {
    long expected = 1;
    for (int axis = strides.length - 1; axis >= 0; axis--) {
      long extent = info.shape().extent(axis);
      if (extent == 0) {
        return true;
      }
      if (extent > 1 && strides[axis] != expected) {
        return false;
      }
      expected *= extent;
    }
    return true;
  }

  // Unlike the format's own rule, a zero anywhere makes it empty, whatever the other extents.
  private static long elements(long[] shape) {
    for (long extent : shape) {
      if (extent == 0) {
        return 0;
      }
    }
    long product = 1;
    for (long extent : shape) {
      product = Math.multiplyExact(product, extent);
    }
    return product;
  }

  private static CheckpointException wrong(Path file, String name, String message) {
    return new CheckpointException("%s: tensor %s: %s".formatted(file, Quoted.of(name), message));
  }
}
