package dev.regroup.formats.pytorch;

import dev.regroup.formats.tensor.Dtype;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/// What a pickle's program computes with: data only.
///
/// Values may contain themselves. Nothing here walks into them, and neither may anything that prints
/// or compares: only the machine's stack and two levels of dicts are ever looked at.
sealed interface Value {
  /// A constant.
  enum Constant implements Value {
    NONE,
    TRUE,
    FALSE
  }

  record Text(String text) implements Value {}

  record Whole(long value) implements Value {}

  record Real(double value) implements Value {}

  /// A tuple.
  ///
  /// @param items not to be changed
  record Tuple(List<Value> items) implements Value {}

  /// A list; appending changes it.
  record Sequence(ArrayList<Value> items) implements Value {}

  /// A dict, ordered; setting changes it.
  ///
  /// @param items keys are {@link String} or {@link Long}
  record Dict(LinkedHashMap<Object, Value> items) implements Value {
    static Dict empty() {
      return new Dict(new LinkedHashMap<>());
    }
  }

  /// A name that the program may use.
  record Name(KnownName known) implements Value {}

  /// The storage that a persistent id means.
  ///
  /// @param key of its member, `data/<key>`
  /// @param elements of `type`; of an untyped storage, bytes
  record Storage(String key, KnownName type, long elements) implements Value {}

  /// A view of a storage.
  ///
  /// @param dtype of its elements
  /// @param offset of its first element in the storage, elements
  /// @param strides elements
  record Tensor(Storage storage, Dtype dtype, long offset, long[] shape, long[] strides)
      implements Value {}

  /// A value of no interest, such as a device.
  enum Inert implements Value {
    VALUE
  }

  /// What an error calls a value.
  static String kind(Value value) {
    return switch (value) {
      case Constant constant ->
          switch (constant) {
            case NONE -> "None";
            case TRUE -> "True";
            case FALSE -> "False";
          };
      case Text _ -> "a string";
      case Whole whole -> Long.toString(whole.value());
      case Real real -> Double.toString(real.value());
      case Tuple _ -> "a tuple";
      case Sequence _ -> "a list";
      case Dict _ -> "a dict";
      case Name name -> name.known().text();
      case Storage _ -> "a storage";
      case Tensor _ -> "a tensor";
      case Inert _ -> "an object";
    };
  }
}
