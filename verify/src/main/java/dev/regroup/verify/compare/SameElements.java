package dev.regroup.verify.compare;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.tensor.Tensors;
import java.nio.ByteBuffer;

/// Whether a tensor holds the same in two places.
final class SameElements {
  /// Bytes read at a time.
  private static final int CHUNK = 1 << 20;

  private SameElements() {}

  /// Whether a tensor of one name, dtype and shape is the same bit for bit: by its bytes where both
  /// are files, else by its elements.
  static boolean bytes(Tensors one, Tensors other, TensorInfo info) {
    if (one instanceof Checkpoint oneFile && other instanceof Checkpoint otherFile) {
      return fileBytes(oneFile, otherFile, info);
    }
    float[] elements = one.floats(info.name());
    float[] others = other.floats(info.name());
    for (int i = 0; i < elements.length; i++) {
      if (Float.floatToRawIntBits(elements[i]) != Float.floatToRawIntBits(others[i])) {
        return false;
      }
    }
    return true;
  }

  private static boolean fileBytes(Checkpoint one, Checkpoint other, TensorInfo info) {
    ByteBuffer oneChunk = ByteBuffer.allocate(CHUNK);
    ByteBuffer otherChunk = ByteBuffer.allocate(CHUNK);
    for (long at = 0; at < info.bytes(); at += CHUNK) {
      int size = (int) Math.min(CHUNK, info.bytes() - at);
      one.read(info.name(), at, oneChunk.clear().limit(size));
      other.read(info.name(), at, otherChunk.clear().limit(size));
      if (oneChunk.flip().mismatch(otherChunk.flip()) >= 0) {
        return false;
      }
    }
    return true;
  }

  /// Whether a tensor was only stored in another float dtype: same shape, and each element within
  /// one rounding of the coarser of both.
  static boolean rounded(Tensors one, Tensors other, TensorInfo info, TensorInfo otherInfo) {
    if (info.dtype() == otherInfo.dtype()
        || !info.shape().equals(otherInfo.shape())
        || !TensorCodec.knows(info.dtype())
        || !TensorCodec.knows(otherInfo.dtype())) {
      return false;
    }
    double unit = Math.max(rounding(info.dtype()), rounding(otherInfo.dtype()));
    float[] elements = one.floats(info.name());
    float[] others = other.floats(info.name());
    for (int i = 0; i < elements.length; i++) {
      double size = Math.max(Math.abs(elements[i]), SMALLEST_NORMAL_F16);
      if (!(Math.abs((double) elements[i] - others[i]) <= unit * size)) {
        return false;
      }
    }
    return true;
  }

  /// Below this a float16 has fewer digits, so that its error is absolute.
  private static final double SMALLEST_NORMAL_F16 = 0x1p-14;

  /// The largest relative error of one rounding to nearest.
  private static double rounding(Dtype dtype) {
    return switch (dtype) {
      case F64, F32 -> 0x1p-24;
      case F16 -> 0x1p-11;
      case BF16 -> 0x1p-8;
      case F8_E4M3 -> 0x1p-4;
      case F8_E5M2 -> 0x1p-3;
      case F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 -> 0;
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> 0;
    };
  }
}
