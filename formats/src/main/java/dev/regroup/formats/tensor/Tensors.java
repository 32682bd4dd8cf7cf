package dev.regroup.formats.tensor;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// A set of named tensors that can be read one at a time.
public interface Tensors {
  /// What is known of every tensor, in a stable order.
  Collection<TensorInfo> infos();

  /// What is known of one tensor, or nothing where there is none of that name.
  Optional<TensorInfo> find(String name);

  /// The elements of one tensor, decoded to float32, row-major.
  ///
  /// @throws IllegalArgumentException where there is none of that name
  float[] floats(String name);

  /// The same.
  ///
  /// @param spent may be overwritten and returned where it has the right length
  /// @throws IllegalArgumentException where there is none of that name
  default float[] floats(String name, float[] spent) {
    return floats(name);
  }

  /// Tensors that live in memory as float32.
  static Tensors of(Map<String, float[]> values, Map<String, Shape> shapes) {
    return new InMemoryTensors(new HashMap<>(values), shapes);
  }

  /// These tensors, with those of the same name replaced (or new ones added) by `over`.
  default Tensors overlaidBy(Tensors over) {
    return new OverlaidTensors(this, over);
  }
}
