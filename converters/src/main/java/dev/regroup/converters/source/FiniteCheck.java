package dev.regroup.converters.source;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/// Looks for NaN and infinity in a tensor as its file holds it: every exponent bit set, or in
/// 8-bit floats without infinities every bit but the sign.
public final class FiniteCheck {
  private static final int CHUNK = 1 << 20;
  private static final int BLOCK = 1 << 12;

  private FiniteCheck() {}

  /// Refuses a tensor with an element that is not finite.
  ///
  /// @throws CheckpointException naming the tensor and the first such element
  public static void require(Checkpoint source, TensorInfo tensor) {
    Optional<Exponent> exponent = Exponent.of(tensor.dtype());
    if (exponent.isEmpty()) {
      return;
    }
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    for (long offset = 0; offset < tensor.bytes(); offset += CHUNK) {
      chunk.clear().limit((int) Math.min(CHUNK, tensor.bytes() - offset));
      source.read(tensor.name(), offset, chunk);
      int at = exponent.get().firstFull(chunk.flip());
      if (at >= 0) {
        throw refused(tensor.name(), (offset + at) / exponent.get().bytes());
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

  /// What makes an element not finite: a group of bits that are all set.
  ///
  /// @param bytes of an element
  /// @param mask of those bits: the exponent's, or what all NaN have where there are no infinities
  private record Exponent(int bytes, long mask) {
    static Optional<Exponent> of(Dtype dtype) {
      return switch (dtype) {
        case BF16 -> Optional.of(new Exponent(2, 0x7F80));
        case F16 -> Optional.of(new Exponent(2, 0x7C00));
        case F32 -> Optional.of(new Exponent(4, 0x7F80_0000L));
        case F64 -> Optional.of(new Exponent(8, 0x7FF0_0000_0000_0000L));
        case F8_E4M3 -> Optional.of(new Exponent(1, 0x7F));
        case F8_E5M2 -> Optional.of(new Exponent(1, 0x7C));
        // scales, which are looked at as such
        case F8_E8M0 -> Optional.empty();
        case F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 -> Optional.empty();
        case U64, I64, C64, U32, I32, U16, I16, I8, U8, BOOL -> Optional.empty();
      };
    }

    /// The offset in bytes of the first element with all bits of the mask set, or -1.
    int firstFull(ByteBuffer chunk) {
      int whole = chunk.limit() & -8;
      for (int from = 0; from < whole; from += BLOCK) {
        int to = Math.min(from + BLOCK, whole);
        if (mayHold(chunk, from, to)) {
          int at = firstFull(chunk, from, to);
          if (at >= 0) {
            return at;
          }
        }
      }
      return firstFull(chunk, whole, chunk.limit());
    }

    /// Looks at eight bytes at a time: adding the mask's lowest bit to an element carries into the bit
    /// above the mask where all of the mask is set, and nowhere else.
    private boolean mayHold(ByteBuffer chunk, int from, int to) {
      long masks = repeated(mask);
      long lowest = repeated(mask & -mask);
      long above = repeated((mask & -mask) + mask);
      long carried = 0;
      for (int at = from; at < to; at += 8) {
        carried |= (chunk.getLong(at) & masks) + lowest;
      }
      return (carried & above) != 0;
    }

    private long repeated(long element) {
      long all = element;
      for (int width = bytes * 8; width < 64; width *= 2) {
        all |= all << width;
      }
      return all;
    }

    private int firstFull(ByteBuffer chunk, int from, int to) {
      for (int at = from; at < to; at += bytes) {
        long element =
            switch (bytes) {
              case 1 -> chunk.get(at);
              case 2 -> chunk.getShort(at);
              case 4 -> chunk.getInt(at);
              case 8 -> chunk.getLong(at);
              default -> throw new IllegalStateException("no float has " + bytes + " bytes");
            };
        if ((element & mask) == mask) {
          return at;
        }
      }
      return -1;
    }
  }
}
