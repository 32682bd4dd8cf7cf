package dev.regroup.converters.source;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.Dtype;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Looks for NaN and infinity in elements as a file holds them: every exponent bit set.
public final class FiniteCheck {
  private FiniteCheck() {}

  /// Refuses bytes of a tensor that hold an element which is not finite.
  ///
  /// @param dtype types without exponents of their own hold nothing that could be refused
  /// @param offset of the bytes from the tensor's first; on an element's boundary
  /// @param bytes whole elements from position to limit, which stay where they are
  /// @throws CheckpointException naming the tensor and the first such element
  public static void require(String tensor, Dtype dtype, long offset, ByteBuffer bytes) {
    long mask = exponent(dtype);
    if (mask == 0 || !anyFull(bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN), mask)) {
      return;
    }
    int width = dtype.bits() / 8;
    for (int at = bytes.position(); at < bytes.limit(); at += width) {
      if (anyFull(bytes.duplicate().limit(at + width).position(at), mask)) {
        throw refused(tensor, (offset + at - bytes.position()) / width);
      }
    }
  }

  /// What is said of an element that is not finite.
  static CheckpointException refused(String tensor, long element) {
    return new CheckpointException(
        ("tensor \"%s\": expected finite weights, found NaN or infinity, first at element %d"
                + " -> download the model again, or let it through with --allow-non-finite")
            .formatted(tensor, element));
  }

  /// The exponent's bits of each element in eight bytes, or 0.
  private static long exponent(Dtype dtype) {
    return switch (dtype) {
      case BF16 -> 0x7F80_7F80_7F80_7F80L;
      case F16 -> 0x7C00_7C00_7C00_7C00L;
      case F32 -> 0x7F80_0000_7F80_0000L;
      case F64 -> 0x7FF0_0000_0000_0000L;
      // no infinities: NaN is every bit but the sign
      case F8_E4M3 -> 0x7F7F_7F7F_7F7F_7F7FL;
      case F8_E5M2 -> 0x7C7C_7C7C_7C7C_7C7CL;
      // scales, which are looked at as such, and types that no checkpoint of ours has
      case F8_E4M3FNUZ, F8_E5M2FNUZ, F8_E8M0, F6_E3M2, F6_E2M3, F4 -> 0;
      case U64, I64, C64, U32, I32, U16, I16, I8, U8, BOOL -> 0;
    };
  }

  /// Whether some element has all bits of its exponent set. Adding the exponent's lowest bit then
  /// carries into the sign's place, which was cleared: eight bytes cost three operations, and this
  /// runs over every byte of a model.
  private static boolean anyFull(ByteBuffer bytes, long mask) {
    ByteBuffer in = bytes.order(ByteOrder.LITTLE_ENDIAN);
    long lowest = mask & ~(mask << 1);
    long carries = 0;
    int at = in.position();
    int end = in.limit();
    for (; at <= end - Long.BYTES; at += Long.BYTES) {
      carries |= (in.getLong(at) & mask) + lowest;
    }
    long last = 0;
    for (int i = end - 1; i >= at; i--) {
      last = last << 8 | (in.get(i) & 0xFF);
    }
    carries |= (last & mask) + lowest;
    return (carries & signs(mask)) != 0;
  }

  /// The bit above the highest of each element's exponent.
  private static long signs(long mask) {
    return mask << 1 & ~mask;
  }
}
