package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.pytorch.Value.Name;
import dev.regroup.formats.pytorch.Value.Storage;
import dev.regroup.formats.pytorch.Value.Tensor;
import dev.regroup.formats.pytorch.Value.Text;
import dev.regroup.formats.pytorch.Value.Tuple;
import dev.regroup.formats.pytorch.Value.Whole;
import dev.regroup.formats.tensor.Dtype;
import java.util.List;

/// The calls that a checkpoint's pickle may make, as data.
///
/// Source: PyTorch `torch/_utils.py`, `_rebuild_*`.
final class Calls {
  /// PyTorch's own limit is 64.
  private static final int MOST_EXTENTS = 64;

  private static final Tuple EMPTY = new Tuple(List.of());

  private final PickleBytes bytes;

  /// @param bytes where errors are
  Calls(PickleBytes bytes) {
    this.bytes = bytes;
  }

  Tuple emptyTuple() {
    return EMPTY;
  }

  /// What calling a function gives.
  Value call(Value function, Value arguments) {
    if (!(function instanceof Name name && arguments instanceof Tuple tuple)) {
      throw bytes.wrong(
          "expected a call of a known function, found one of %s with %s"
              .formatted(Value.kind(function), Value.kind(arguments)));
    }
    List<Value> given = tuple.items();
    return switch (name.known()) {
      case ORDERED_DICT -> {
        requireCount(name, given, 0, 0);
        yield Value.Dict.empty();
      }
      case REBUILD_TENSOR -> {
        requireCount(name, given, 4, 4);
        yield typed(given);
      }
      case REBUILD_TENSOR_V2 -> {
        requireCount(name, given, 6, 7);
        yield typed(given);
      }
      case REBUILD_TENSOR_V3 -> {
        requireCount(name, given, 7, 8);
        yield untyped(given);
      }
      case REBUILD_PARAMETER -> {
        requireCount(name, given, 3, 3);
        yield requireTensor(given.getFirst());
      }
      case SIZE -> {
        requireCount(name, given, 1, 1);
        yield given.getFirst();
      }
      case DEVICE, LAYOUT -> Value.Inert.VALUE;
      case DOUBLE_STORAGE,
          FLOAT_STORAGE,
          HALF_STORAGE,
          BFLOAT16_STORAGE,
          LONG_STORAGE,
          INT_STORAGE,
          SHORT_STORAGE,
          CHAR_STORAGE,
          BYTE_STORAGE,
          BOOL_STORAGE,
          COMPLEX_FLOAT_STORAGE,
          UNTYPED_STORAGE ->
          throw wrongCall(name);
      case FLOAT64,
          FLOAT32,
          FLOAT16,
          BFLOAT16,
          FLOAT8_E4M3FN,
          FLOAT8_E5M2,
          FLOAT8_E4M3FNUZ,
          FLOAT8_E5M2FNUZ,
          FLOAT8_E8M0FNU,
          INT64,
          INT32,
          INT16,
          INT8,
          UINT64,
          UINT32,
          UINT16,
          UINT8,
          BOOL,
          COMPLEX64 ->
          throw wrongCall(name);
    };
  }

  /// The storage that a persistent id means: `("storage", type, key, location, elements)`.
  Storage storage(Value id) {
    if (id instanceof Tuple tuple
        && tuple.items().size() == 5
        && tuple.items().get(0) instanceof Text kind
        && kind.text().equals("storage")
        && tuple.items().get(1) instanceof Name type
        && type.known().isStorage()
        && tuple.items().get(2) instanceof Text key
        && tuple.items().get(3) instanceof Text
        && tuple.items().get(4) instanceof Whole elements
        && elements.value() >= 0) {
      return new Storage(key.text(), type.known(), elements.value());
    }
    throw bytes.wrong(
        "expected a storage's type, key, location and number of elements, found "
            + (id instanceof Tuple ? "others" : Value.kind(id)));
  }

  private Tensor typed(List<Value> given) {
    Storage storage = requireStorage(given.get(0));
    if (storage.type() == KnownName.UNTYPED_STORAGE) {
      throw bytes.wrong("expected a storage with a dtype, found an untyped one");
    }
    return view(storage, storage.type().dtype().orElseThrow(), given);
  }

  private Tensor untyped(List<Value> given) {
    Storage storage = requireStorage(given.get(0));
    if (storage.type() == KnownName.UNTYPED_STORAGE
        && given.get(6) instanceof Name dtype
        && dtype.known().isDtype()) {
      return view(storage, dtype.known().dtype().orElseThrow(), given);
    }
    throw bytes.wrong(
        "expected an untyped storage and a dtype, found %s and %s"
            .formatted(storage.type().text(), Value.kind(given.get(6))));
  }

  private Tensor view(Storage storage, Dtype dtype, List<Value> given) {
    if (!(given.get(1) instanceof Whole offset && offset.value() >= 0)) {
      throw bytes.wrong("expected a tensor's offset from 0 on, found " + Value.kind(given.get(1)));
    }
    long[] shape = extents("shape", given.get(2));
    long[] strides = extents("strides", given.get(3));
    if (shape.length != strides.length) {
      throw bytes.wrong(
          "expected as many strides as extents, found %d and %d"
              .formatted(strides.length, shape.length));
    }
    return new Tensor(storage, dtype, offset.value(), shape, strides);
  }

  private long[] extents(String what, Value value) {
    if (!(value instanceof Tuple tuple) || tuple.items().size() > MOST_EXTENTS) {
      throw bytes.wrong(
          "expected a tensor's %s as a tuple of at most %d integers, found %s"
              .formatted(what, MOST_EXTENTS, Value.kind(value)));
    }
    long[] extents = new long[tuple.items().size()];
    for (int i = 0; i < extents.length; i++) {
      if (!(tuple.items().get(i) instanceof Whole extent && extent.value() >= 0)) {
        throw bytes.wrong(
            "expected a tensor's %s as integers from 0 on, found %s"
                .formatted(what, Value.kind(tuple.items().get(i))));
      }
      extents[i] = extent.value();
    }
    bytes.charge(2L * Long.BYTES * extents.length);
    return extents;
  }

  private Storage requireStorage(Value value) {
    if (value instanceof Storage storage) {
      return storage;
    }
    throw bytes.wrong("expected a tensor's storage, found " + Value.kind(value));
  }

  private Value requireTensor(Value value) {
    if (value instanceof Tensor) {
      return value;
    }
    throw bytes.wrong("expected a tensor, found " + Value.kind(value));
  }

  private void requireCount(Name function, List<Value> given, int least, int most) {
    if (given.size() < least || given.size() > most) {
      throw bytes.wrong(
          "%s: expected %d to %d arguments, found %d"
              .formatted(function.known().text(), least, most, given.size()));
    }
  }

  private CheckpointException wrongCall(Name name) {
    return bytes.wrong("expected a call of a function, found one of " + name.known().text());
  }
}
