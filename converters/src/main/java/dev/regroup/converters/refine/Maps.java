package dev.regroup.converters.refine;

import dev.regroup.converters.closedform.FactoredAttention;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/// A value for each map that a refit changes: the maps themselves, a direction, or a gradient.
///
/// @param values float32 in the shapes of {@link FactoredAttention}
record Maps(Map<Part, float[]> values) {
  /// The maps of a layer.
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
    };
  }

  boolean has(Part part) {
    return values.containsKey(part);
  }

  float[] get(Part part) {
    float[] value = values.get(part);
    if (value == null) {
      throw new IllegalArgumentException("no value for " + part);
    }
    return value;
  }

  /// All elements in one vector, in the order of {@link Part}.
  double[] flat() {
    double[] flat = new double[length()];
    int at = 0;
    for (float[] value : values.values()) {
      for (float element : value) {
        flat[at++] = element;
      }
    }
    return flat;
  }

  int length() {
    return values.values().stream().mapToInt(value -> value.length).sum();
  }

  /// Where a part begins in {@link #flat}.
  int offset(Part part) {
    int at = 0;
    for (Map.Entry<Part, float[]> entry : values.entrySet()) {
      if (entry.getKey() == part) {
        return at;
      }
      at += entry.getValue().length;
    }
    throw new IllegalArgumentException("no value for " + part);
  }

  /// The inverse of {@link #flat}, in these shapes.
  Maps shaped(double[] flat) {
    Map<Part, float[]> shaped = new EnumMap<>(Part.class);
    int at = 0;
    for (Map.Entry<Part, float[]> entry : values.entrySet()) {
      float[] value = new float[entry.getValue().length];
      for (int i = 0; i < value.length; i++) {
        value[i] = (float) flat[at++];
      }
      shaped.put(entry.getKey(), value);
    }
    return new Maps(shaped);
  }

  /// The layer with `step · direction` added to these maps.
  FactoredAttention moved(FactoredAttention layer, double[] direction, double step) {
    double[] flat = flat();
    for (int i = 0; i < flat.length; i++) {
      flat[i] += step * direction[i];
    }
    return shaped(flat).in(layer);
  }

  /// The layer with these maps in it.
  FactoredAttention in(FactoredAttention layer) {
    return new FactoredAttention(
        layer.spec(),
        values.getOrDefault(Part.QUERY, layer.query()),
        values.getOrDefault(Part.STATE, layer.state()),
        values.getOrDefault(Part.ROPE_KEY, layer.ropeKey()),
        values.getOrDefault(Part.KEY_UP, layer.keyUp()),
        values.getOrDefault(Part.VALUE_UP, layer.valueUp()),
        values.getOrDefault(Part.OUTPUT, layer.output()),
        layer.biases());
  }
}
