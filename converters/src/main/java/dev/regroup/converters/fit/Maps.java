package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.closedform.LatentNorm;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/// A value for each map that a fit changes: the maps themselves, or a gradient.
///
/// @param values float32 in the shapes of {@link FactoredAttention}
record Maps(Map<Part, float[]> values) {
  /// The maps of a layer, not copied.
  static Maps of(FactoredAttention layer, Set<Part> parts) {
    Map<Part, float[]> values = new EnumMap<>(Part.class);
    for (Part part : parts) {
      values.put(part, get(layer, part));
    }
    return new Maps(values);
  }

  static float[] get(FactoredAttention layer, Part part) {
    return switch (part) {
      case QUERY -> layer.query();
      case STATE -> layer.state();
      case ROPE_KEY -> layer.ropeKey();
      case KEY_UP -> layer.keyUp();
      case VALUE_UP -> layer.valueUp();
      case OUTPUT -> layer.output();
      case NORM_GAIN -> layer.norm().gains();
    };
  }

  float[] get(Part part) {
    float[] value = values.get(part);
    if (value == null) {
      throw new IllegalArgumentException("no value for " + part);
    }
    return value;
  }

  /// The same values in arrays of their own.
  Maps copy() {
    Map<Part, float[]> copies = new EnumMap<>(Part.class);
    values.forEach((part, value) -> copies.put(part, value.clone()));
    return new Maps(copies);
  }

  /// Adds to these, in place.
  Maps add(Maps other) {
    values.forEach(
        (part, value) -> {
          float[] more = other.get(part);
          for (int i = 0; i < value.length; i++) {
            value[i] += more[i];
          }
        });
    return this;
  }

  /// Weights in all of them.
  long length() {
    return values.values().stream().mapToLong(value -> value.length).sum();
  }

  /// The layer with these maps in it, not copied.
  FactoredAttention in(FactoredAttention layer) {
    return new FactoredAttention(
        layer.spec(),
        values.getOrDefault(Part.QUERY, layer.query()),
        values.getOrDefault(Part.STATE, layer.state()),
        values.getOrDefault(Part.ROPE_KEY, layer.ropeKey()),
        values.getOrDefault(Part.KEY_UP, layer.keyUp()),
        values.getOrDefault(Part.VALUE_UP, layer.valueUp()),
        values.getOrDefault(Part.OUTPUT, layer.output()),
        layer.biases(),
        new LatentNorm(values.getOrDefault(Part.NORM_GAIN, layer.norm().gains())));
  }
}
