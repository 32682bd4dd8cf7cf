package dev.regroup.formats.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Turns little-endian bytes of the float dtypes into float32 and back; one rounding each way, to
/// nearest even.
///
/// FP8 elements are decoded as they stand: whoever reads FP8 weights applies their scales.
public final class TensorCodec {
  /// Elements converted at a time: small enough for the first-level cache.
  private static final int CHUNK = 4096;

  private TensorCodec() {}

  /// Whether elements of this dtype are floats that {@link #decode} and {@link #encode} know.
  public static boolean knows(Dtype dtype) {
    return switch (dtype) {
      case F64, F32, BF16, F16, F8_E4M3, F8_E5M2, F8_E8M0 -> true;
      case F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 -> false;
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> false;
    };
  }

  /// Decodes all remaining bytes of `from` into `into`, starting at element `start`.
  ///
  /// @param from whole elements, little-endian, whatever the buffer's own order
  /// @throws IllegalArgumentException where the dtype is not a float that is known here
  public static void decode(Dtype dtype, ByteBuffer from, float[] into, int start) {
    ByteBuffer bytes = from.slice().order(ByteOrder.LITTLE_ENDIAN);
    switch (dtype) {
      case F32 -> bytes.asFloatBuffer().get(into, start, bytes.remaining() / 4);
      case F64 -> decodeDoubles(bytes, into, start);
      case BF16, F16 -> decodeShorts(dtype, bytes, into, start);
      case F8_E4M3, F8_E5M2, F8_E8M0 -> decodeBytes(dtype, bytes, into, start);
      case F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 -> throw unknown(dtype);
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> throw unknown(dtype);
    }
    from.position(from.limit());
  }

  /// Encodes elements of `from`, starting at `start`, until `into` is full.
  ///
  /// @param into room for whole elements; filled little-endian, whatever the buffer's own order
  /// @throws IllegalArgumentException where the dtype is not a float that is known here
  public static void encode(Dtype dtype, float[] from, int start, ByteBuffer into) {
    ByteBuffer bytes = into.slice().order(ByteOrder.LITTLE_ENDIAN);
    switch (dtype) {
      case F32 -> bytes.asFloatBuffer().put(from, start, bytes.remaining() / 4);
      case F64 -> encodeDoubles(from, start, bytes);
      case BF16, F16 -> encodeShorts(dtype, from, start, bytes);
      case F8_E4M3, F8_E5M2, F8_E8M0 -> encodeBytes(dtype, from, start, bytes);
      case F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 -> throw unknown(dtype);
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> throw unknown(dtype);
    }
    into.position(into.limit());
  }

  private static void decodeDoubles(ByteBuffer bytes, float[] into, int start) {
    var doubles = bytes.asDoubleBuffer();
    int count = doubles.remaining();
    for (int i = 0; i < count; i++) {
      into[start + i] = (float) doubles.get(i);
    }
  }

  private static void encodeDoubles(float[] from, int start, ByteBuffer bytes) {
    var doubles = bytes.asDoubleBuffer();
    int count = doubles.remaining();
    for (int i = 0; i < count; i++) {
      doubles.put(i, from[start + i]);
    }
  }

  // Codes go through a small array: a plain loop over arrays is one that the JIT vectorises.
  private static void decodeShorts(Dtype dtype, ByteBuffer bytes, float[] into, int start) {
    var codes = bytes.asShortBuffer();
    short[] chunk = new short[Math.min(CHUNK, codes.remaining())];
    for (int at = start; codes.hasRemaining(); ) {
      int count = Math.min(chunk.length, codes.remaining());
      codes.get(chunk, 0, count);
      if (dtype == Dtype.BF16) {
        for (int i = 0; i < count; i++) {
          into[at + i] = BFloat16.decode(chunk[i]);
        }
      } else {
        for (int i = 0; i < count; i++) {
          into[at + i] = Float16.decode(chunk[i]);
        }
      }
      at += count;
    }
  }

  private static void encodeShorts(Dtype dtype, float[] from, int start, ByteBuffer bytes) {
    var codes = bytes.asShortBuffer();
    short[] chunk = new short[Math.min(CHUNK, codes.remaining())];
    for (int at = start; codes.hasRemaining(); ) {
      int count = Math.min(chunk.length, codes.remaining());
      if (dtype == Dtype.BF16) {
        for (int i = 0; i < count; i++) {
          chunk[i] = BFloat16.encode(from[at + i]);
        }
      } else {
        for (int i = 0; i < count; i++) {
          chunk[i] = Float16.encode(from[at + i]);
        }
      }
      codes.put(chunk, 0, count);
      at += count;
    }
  }

  private static void decodeBytes(Dtype dtype, ByteBuffer bytes, float[] into, int start) {
    float[] values = new float[256];
    for (int code = 0; code < values.length; code++) {
      values[code] = decodeByte(dtype, (byte) code);
    }
    byte[] chunk = new byte[Math.min(CHUNK, bytes.remaining())];
    for (int at = start; bytes.hasRemaining(); ) {
      int count = Math.min(chunk.length, bytes.remaining());
      bytes.get(chunk, 0, count);
      for (int i = 0; i < count; i++) {
        into[at + i] = values[chunk[i] & 0xff];
      }
      at += count;
    }
  }

  private static float decodeByte(Dtype dtype, byte code) {
    return switch (dtype) {
      case F8_E4M3 -> Float8.decodeE4M3(code);
      case F8_E5M2 -> Float8.decodeE5M2(code);
      case F8_E8M0 -> Float8.decodeE8M0(code);
      case F64, F32, BF16, F16, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 ->
          throw unknown(dtype);
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> throw unknown(dtype);
    };
  }

  private static void encodeBytes(Dtype dtype, float[] from, int start, ByteBuffer bytes) {
    for (int i = 0, count = bytes.remaining(); i < count; i++) {
      bytes.put(i, encodeByte(dtype, from[start + i]));
    }
  }

  private static byte encodeByte(Dtype dtype, float value) {
    return switch (dtype) {
      case F8_E4M3 -> Float8.encodeE4M3(value);
      case F8_E5M2 -> Float8.encodeE5M2(value);
      case F8_E8M0 -> Float8.encodeE8M0(value);
      case F64, F32, BF16, F16, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 ->
          throw unknown(dtype);
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> throw unknown(dtype);
    };
  }

  private static IllegalArgumentException unknown(Dtype dtype) {
    return new IllegalArgumentException("dtype " + dtype + " does not hold floats known here");
  }
}
