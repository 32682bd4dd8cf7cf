package dev.regroup.formats.tensor;

import java.util.Optional;

/// Element types of safetensors files, in the order in which its reference writer sorts tensors
/// (widest first, so that every tensor is naturally aligned).
///
/// Source: safetensors at 24b0b28, `Dtype` in `tensor.rs`.
public enum Dtype {
  U64(64),
  I64(64),
  F64(64),
  C64(64),
  F32(32),
  U32(32),
  I32(32),
  BF16(16),
  F16(16),
  U16(16),
  I16(16),
  F8_E5M2FNUZ(8),
  F8_E4M3FNUZ(8),
  F8_E8M0(8),
  F8_E4M3(8),
  F8_E5M2(8),
  I8(8),
  U8(8),
  F6_E3M2(6),
  F6_E2M3(6),
  F4(4),
  BOOL(8);

  private final int bits;

  Dtype(int bits) {
    this.bits = bits;
  }

  /// Bits one element takes in a file; not always a multiple of 8.
  public int bits() {
    return bits;
  }

  /// The dtype with this exact name in a header; names are case-sensitive.
  public static Optional<Dtype> named(String name) {
    for (Dtype dtype : values()) {
      if (dtype.name().equals(name)) {
        return Optional.of(dtype);
      }
    }
    return Optional.empty();
  }
}
