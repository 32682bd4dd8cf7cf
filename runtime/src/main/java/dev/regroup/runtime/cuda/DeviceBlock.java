package dev.regroup.runtime.cuda;

import java.util.Objects;

/// Part of device memory seen as a row-major matrix; a view, never a copy, and never an owner.
///
/// @param address of element (0, 0)
/// @param stride elements from one row to the next, at least `columns`
public record DeviceBlock(long address, Precision type, int rows, int columns, int stride) {
  /// A whole buffer, or its beginning.
  public static DeviceBlock of(CudaBuffer buffer, Precision type, int rows, int columns) {
    long bytes = Math.multiplyExact((long) rows * columns, type.bytes());
    if (bytes > buffer.bytes()) {
      throw new IllegalArgumentException(
          "%d x %d of %s do not fit %d bytes".formatted(rows, columns, type, buffer.bytes()));
    }
    return new DeviceBlock(buffer.address(), type, rows, columns, columns);
  }

  /// Some of its columns.
  public DeviceBlock columns(int first, int count) {
    Objects.checkFromIndexSize(first, count, columns);
    return new DeviceBlock(address + (long) first * type.bytes(), type, rows, count, stride);
  }

  /// Some of its rows.
  public DeviceBlock rows(int first, int count) {
    Objects.checkFromIndexSize(first, count, rows);
    return new DeviceBlock(
        address + (long) first * stride * type.bytes(), type, count, columns, stride);
  }

  /// The same elements, `parts` rows for each row.
  ///
  /// @throws IllegalArgumentException where rows do not follow each other
  public DeviceBlock split(int parts) {
    if (stride != columns || columns % parts != 0) {
      throw new IllegalArgumentException(this + " cannot be split into " + parts);
    }
    return new DeviceBlock(address, type, rows * parts, columns / parts, columns / parts);
  }

  long elements() {
    return (long) rows * columns;
  }
}
