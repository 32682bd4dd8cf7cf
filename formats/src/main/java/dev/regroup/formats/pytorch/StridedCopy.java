package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.OpenFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/// Copies a view of a storage end to end, row-major, in bounded memory.
///
/// A block of output is filled at a time. In it, runs along the axis whose elements lie closest
/// together in the storage are read at once, so that a transposed matrix is read in rows of blocks
/// and not element by element.
final class StridedCopy {
  /// Elements' bytes of a block of output.
  private static final int BLOCK = 8 << 20;

  /// Bytes read at a time along the closest axis.
  private static final int RUN = 1 << 16;

  private final OpenFile file;
  private final long storageOffset;
  private final int width;
  private final boolean swapped;
  private final long[] shape;
  private final long[] strides;
  private final ByteBuffer run = ByteBuffer.allocate(RUN);

  /// @param storageOffset of the storage in `file`
  /// @param swapped whether elements are big-endian there
  StridedCopy(OpenFile file, long storageOffset, StridedTensor tensor, boolean swapped) {
    this.file = file;
    this.storageOffset = storageOffset;
    this.width = tensor.info().dtype().bits() / 8;
    this.swapped = swapped;
    this.shape = tensor.info().shape().toArray();
    this.strides = tensor.strides();
  }

  /// Writes all elements.
  ///
  /// @param first element in the storage
  void copy(long first, WritableByteChannel to) throws IOException {
    copy(0, first, to);
  }

  // Cuts along the outermost axes until what is left fits a block.
  private void copy(int axis, long first, WritableByteChannel to) throws IOException {
    long rowElements = 1;
    for (int inner = axis + 1; inner < shape.length; inner++) {
      rowElements *= shape[inner];
    }
    if (axis < shape.length && rowElements > BLOCK / width) {
      for (long i = 0; i < shape[axis]; i++) {
        copy(axis + 1, first + i * strides[axis], to);
      }
      return;
    }
    long rows = axis < shape.length ? shape[axis] : 1;
    long most = Math.max(1, BLOCK / width / rowElements);
    for (long row = 0; row < rows; row += most) {
      long[] extents = new long[shape.length];
      System.arraycopy(shape, 0, extents, 0, shape.length);
      long stride = 0;
      if (axis < shape.length) {
        extents[axis] = Math.min(most, rows - row);
        stride = strides[axis];
      }
      ByteBuffer block = block(axis, first + row * stride, extents);
      while (block.hasRemaining()) {
        to.write(block);
      }
    }
  }

  /// The elements of the axes from `axis` on.
  private ByteBuffer block(int axis, long first, long[] extents) {
    int rank = shape.length;
    long[] steps = new long[rank];
    long elements = 1;
    for (int i = rank - 1; i >= axis; i--) {
      steps[i] = elements;
      elements *= extents[i];
    }
    byte[] bytes = new byte[(int) elements * width];
    ByteBuffer block = ByteBuffer.wrap(bytes);
    int closest = closest(axis, extents);
    long[] index = new long[rank];
    while (true) {
      long from = first;
      long into = 0;
      for (int i = axis; i < rank; i++) {
        from += index[i] * strides[i];
        into += index[i] * steps[i];
      }
      if (closest < 0) {
        fill(block, into, 0, from, new Run(1, 1));
      } else {
        fill(block, into, steps[closest], from, new Run(extents[closest], strides[closest]));
      }
      if (!advance(index, axis, closest, extents)) {
        break;
      }
    }
    if (swapped) {
      swap(bytes);
    }
    return block.rewind();
  }

  /// Elements to read, and their distance in the storage.
  private record Run(long count, long stride) {}

  private int closest(int axis, long[] extents) {
    int closest = -1;
    for (int i = axis; i < shape.length; i++) {
      if (extents[i] > 1 && (closest < 0 || strides[i] < strides[closest])) {
        closest = i;
      }
    }
    return closest;
  }

  private static boolean advance(long[] index, int axis, int closest, long[] extents) {
    for (int i = index.length - 1; i >= axis; i--) {
      if (i != closest) {
        if (++index[i] < extents[i]) {
          return true;
        }
        index[i] = 0;
      }
    }
    return false;
  }

  private void fill(ByteBuffer block, long into, long step, long from, Run elements) {
    long span = Math.max(1, elements.stride()) * width;
    // how many elements one read reaches
    long atOnce = Math.max(1, (RUN - width) / span + 1);
    if (elements.stride() == 0) {
      atOnce = elements.count();
    }
    for (long done = 0; done < elements.count(); done += atOnce) {
      int count = (int) Math.min(atOnce, elements.count() - done);
      long bytes = elements.stride() == 0 ? width : (count - 1) * span + width;
      run.clear().limit((int) bytes);
      file.read(storageOffset + (from + done * elements.stride()) * width, run);
      int distance = (int) (elements.stride() * width);
      for (int i = 0; i < count; i++) {
        block.put((int) (into + (done + i) * step) * width, run, i * distance, width);
      }
    }
  }

  private void swap(byte[] bytes) {
    for (int begin = 0; begin < bytes.length; begin += width) {
      for (int i = 0; i < width / 2; i++) {
        byte low = bytes[begin + i];
        bytes[begin + i] = bytes[begin + width - 1 - i];
        bytes[begin + width - 1 - i] = low;
      }
    }
  }
}
