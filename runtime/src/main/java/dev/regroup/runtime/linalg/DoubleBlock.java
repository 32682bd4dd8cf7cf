package dev.regroup.runtime.linalg;

import java.util.Objects;

/// Part of a row-major float64 array seen as a matrix; a view, never a copy.
///
/// @param offset of element (0, 0) in `elements`
/// @param stride elements from one row to the next, at least `columns`
public record DoubleBlock(double[] elements, int offset, int rows, int columns, int stride) {
  public DoubleBlock {
    long end = rows == 0 || columns == 0 ? offset : offset + (rows - 1L) * stride + columns;
    if (rows < 0 || columns < 0 || stride < columns || end > elements.length) {
      throw new IllegalArgumentException(
          "%d x %d at offset %d, stride %d, does not lie within %d elements"
              .formatted(rows, columns, offset, stride, elements.length));
    }
    Objects.checkIndex(offset, elements.length + 1);
  }

  /// A whole array.
  public static DoubleBlock of(int rows, int columns, double[] elements) {
    return new DoubleBlock(elements, 0, rows, columns, columns);
  }

  /// A whole matrix.
  public static DoubleBlock of(Matrix matrix) {
    return of(matrix.rows(), matrix.columns(), matrix.elements());
  }
}
