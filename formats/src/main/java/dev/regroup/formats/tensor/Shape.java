package dev.regroup.formats.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/// The extents of a tensor, slowest first; the empty shape is a scalar.
///
/// @param extents each at least 0
public record Shape(List<Long> extents) {
  public Shape {
    extents = List.copyOf(extents);
    for (long extent : extents) {
      if (extent < 0) {
        throw new IllegalArgumentException("shape extents must be at least 0, found " + extents);
      }
    }
  }

  /// A shape from its extents, slowest first.
  public static Shape of(long... extents) {
    return new Shape(LongStream.of(extents).boxed().toList());
  }

  /// The number of extents.
  public int rank() {
    return extents.size();
  }

  /// The extent of one axis.
  public long extent(int axis) {
    return extents.get(axis);
  }

  /// The number of elements.
  ///
  /// @throws ArithmeticException where the product, taken left to right, does not fit 64 bits
  public long elements() {
    long product = 1;
    for (long extent : extents) {
      product = Math.multiplyExact(product, extent);
    }
    return product;
  }

  /// The extents as an array.
  public long[] toArray() {
    return extents.stream().mapToLong(Long::longValue).toArray();
  }

  @Override
  public String toString() {
    return Arrays.stream(toArray())
        .mapToObj(Long::toString)
        .collect(Collectors.joining(", ", "[", "]"));
  }
}
