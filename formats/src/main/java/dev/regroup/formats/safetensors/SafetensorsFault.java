package dev.regroup.formats.safetensors;

/// Why a file is not a safetensors file that we read: one constant for each rule.
public enum SafetensorsFault {
  /// The file is shorter than the 8 bytes of its header's length.
  HEADER_TOO_SMALL,
  /// The header claims more bytes than the file has.
  HEADER_LENGTH,
  /// The header claims more than 100,000,000 bytes.
  HEADER_TOO_LARGE,
  /// The header is not UTF-8.
  HEADER_UTF8,
  /// The header is not one JSON document of RFC 8259.
  BAD_JSON,
  /// The header is JSON, but not an object.
  BAD_HEADER_TYPE,
  /// A name appears twice in one object.
  DUPLICATE_KEY,
  /// A tensor's description is not exactly `dtype`, `shape` and `data_offsets`.
  BAD_TENSOR_INFO,
  /// A dtype that no safetensors version has.
  UNKNOWN_DTYPE,
  /// A shape that is not an array of integers of 64 unsigned bits.
  BAD_SHAPE,
  /// Offsets that are not two integers of 64 unsigned bits.
  BAD_OFFSETS,
  /// `__metadata__` that is not an object of strings.
  BAD_METADATA,
  /// A tensor that ends before it begins, overlaps another, or leaves a hole before it.
  INVALID_OFFSET,
  /// A tensor whose offsets disagree with its dtype and shape.
  SIZE_MISMATCH,
  /// A tensor whose size does not fit 64 bits.
  OVERFLOW,
  /// A tensor of narrow elements that does not end on a byte.
  MISALIGNED,
  /// A file that is shorter or longer than its tensors.
  INCOMPLETE_BUFFER
}
