package dev.regroup.formats.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/// The extents of a tensor, slowest first; the empty shape is a scalar.
///
/// A file may give an empty tensor an extent of 2^63 or more. Extents are therefore unsigned, but
/// only a shape with a zero in it can hold one that reads as negative.
///
/// @param extents each at least 0
public record Shape(List<Long> extents) {
  public Shape {
    extents = List.copyOf(extents);
    boolean empty = extents.contains(0L);
    for (long extent : extents) {
      if (extent < 0 && !empty) {
        throw new IllegalArgumentException("shape extents must be at least 0, found " + extents);
      }
    }
  }

  /// A shape from its extents, slowest first.
  public static Shape of(long... extents) {
    Long[] boxed = new Long[extents.length];
    Arrays.setAll(boxed, axis -> extents[axis]);
    return new Shape(List.of(boxed));
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
  /// @throws ArithmeticException where the product, taken left to right, does not fit 64 bits: so
  ///   `[0, 2^63, 4]` is 0, and `[2^63, 4, 0]` throws
  public long elements() {
    long product = 1;
    for (int axis = 0; axis < extents.size(); axis++) {
      product = Math.unsignedMultiplyExact(product, (long) extents.get(axis));
    }
    return product;
  }

  /// The number of elements of a shape not yet known to be one: its extents are unsigned.
  ///
  /// @throws ArithmeticException where the product, taken left to right, does not fit 64 bits
  public static long elements(long[] extents) {
    long product = 1;
    for (long extent : extents) {
      product = Math.unsignedMultiplyExact(product, extent);
    }
    return product;
  }

  /// The extents as an array.
  public long[] toArray() {
    return extents.stream().mapToLong(Long::longValue).toArray();
  }

  @Override
  public String toString() {
    return describe(toArray());
  }

  /// Unsigned extents as text: `[4096, 1024]`.
  public static String describe(long[] extents) {
    return Arrays.stream(extents)
        .mapToObj(Long::toUnsignedString)
        .collect(Collectors.joining(", ", "[", "]"));
  }
}
