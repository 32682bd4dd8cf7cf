package dev.regroup.formats.pytorch;

import dev.regroup.formats.tensor.Dtype;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// The names that a checkpoint's pickle may use, and all that they can ever mean here.
enum KnownName {
  ORDERED_DICT("collections OrderedDict"),
  REBUILD_TENSOR("torch._utils _rebuild_tensor"),
  REBUILD_TENSOR_V2("torch._utils _rebuild_tensor_v2"),
  REBUILD_TENSOR_V3("torch._utils _rebuild_tensor_v3"),
  REBUILD_PARAMETER("torch._utils _rebuild_parameter"),
  SIZE("torch Size"),
  DEVICE("torch device"),
  LAYOUT("torch.serialization _get_layout"),

  DOUBLE_STORAGE("torch DoubleStorage", Dtype.F64),
  FLOAT_STORAGE("torch FloatStorage", Dtype.F32),
  HALF_STORAGE("torch HalfStorage", Dtype.F16),
  BFLOAT16_STORAGE("torch BFloat16Storage", Dtype.BF16),
  LONG_STORAGE("torch LongStorage", Dtype.I64),
  INT_STORAGE("torch IntStorage", Dtype.I32),
  SHORT_STORAGE("torch ShortStorage", Dtype.I16),
  CHAR_STORAGE("torch CharStorage", Dtype.I8),
  BYTE_STORAGE("torch ByteStorage", Dtype.U8),
  BOOL_STORAGE("torch BoolStorage", Dtype.BOOL),
  COMPLEX_FLOAT_STORAGE("torch ComplexFloatStorage", Dtype.C64),
  UNTYPED_STORAGE("torch.storage UntypedStorage", Dtype.U8),

  FLOAT64("torch float64", Dtype.F64),
  FLOAT32("torch float32", Dtype.F32),
  FLOAT16("torch float16", Dtype.F16),
  BFLOAT16("torch bfloat16", Dtype.BF16),
  FLOAT8_E4M3FN("torch float8_e4m3fn", Dtype.F8_E4M3),
  FLOAT8_E5M2("torch float8_e5m2", Dtype.F8_E5M2),
  FLOAT8_E4M3FNUZ("torch float8_e4m3fnuz", Dtype.F8_E4M3FNUZ),
  FLOAT8_E5M2FNUZ("torch float8_e5m2fnuz", Dtype.F8_E5M2FNUZ),
  FLOAT8_E8M0FNU("torch float8_e8m0fnu", Dtype.F8_E8M0),
  INT64("torch int64", Dtype.I64),
  INT32("torch int32", Dtype.I32),
  INT16("torch int16", Dtype.I16),
  INT8("torch int8", Dtype.I8),
  UINT64("torch uint64", Dtype.U64),
  UINT32("torch uint32", Dtype.U32),
  UINT16("torch uint16", Dtype.U16),
  UINT8("torch uint8", Dtype.U8),
  BOOL("torch bool", Dtype.BOOL),
  COMPLEX64("torch complex64", Dtype.C64);

  private static final Map<String, KnownName> ALL = new HashMap<>();

  static {
    for (KnownName name : values()) {
      ALL.put(name.pickled, name);
    }
  }

  private final String pickled;
  private final Optional<Dtype> dtype;

  KnownName(String pickled) {
    this.pickled = pickled;
    this.dtype = Optional.empty();
  }

  KnownName(String pickled, Dtype dtype) {
    this.pickled = pickled;
    this.dtype = Optional.of(dtype);
  }

  /// The name that a program spells so, if a checkpoint has a use for it.
  static Optional<KnownName> find(String module, String name) {
    return Optional.ofNullable(ALL.get(module + " " + name));
  }

  /// As Python writes it: `torch.FloatStorage`.
  String text() {
    return pickled.replace(' ', '.');
  }

  /// Of a storage or a dtype, what its elements are.
  Optional<Dtype> dtype() {
    return dtype;
  }

  /// Whether it is a kind of storage.
  boolean isStorage() {
    return pickled.endsWith("Storage");
  }

  /// Whether it is a dtype.
  boolean isDtype() {
    return dtype.isPresent() && !isStorage();
  }
}
