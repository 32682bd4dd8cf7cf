package dev.regroup.runtime.linalg;

import java.util.Objects;

/// Part of a row-major float32 array seen as a matrix; a view, never a copy.
///
/// @param offset of element (0, 0) in `elements`
/// @param stride elements from one row to the next, at least `columns`
public record FloatBlock(float[] elements, int offset, int rows, int columns, int stride) {
  public FloatBlock {
    long end = rows == 0 || columns == 0 ? offset : offset + (rows - 1L) * stride + columns;
    if (rows < 0 || columns < 0 || stride < columns || end > elements.length) {
      throw new IllegalArgumentException(
          "%d x %d at offset %d, stride %d, does not lie within %d elements"
              .formatted(rows, columns, offset, stride, elements.length));
    }
    Objects.checkIndex(offset, elements.length + 1);
  }

  /// A whole array.
  public static FloatBlock of(int rows, int columns, float[] elements) {
    return new FloatBlock(elements, 0, rows, columns, columns);
  }

  /// A new block of zeros.
  public static FloatBlock zeros(int rows, int columns) {
    return of(rows, columns, new float[Math.multiplyExact(rows, columns)]);
  }

  /// Some of its rows.
  public FloatBlock rows(int first, int count) {
    Objects.checkFromIndexSize(first, count, rows);
    return new FloatBlock(elements, offset + first * stride, count, columns, stride);
  }

  /// Some of its columns.
  public FloatBlock columns(int first, int count) {
    Objects.checkFromIndexSize(first, count, columns);
    return new FloatBlock(elements, offset + first, rows, count, stride);
  }
}
