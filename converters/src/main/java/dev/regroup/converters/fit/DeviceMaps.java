package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.TrainingMath;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A layer's maps on a device, or gradients of them.
final class DeviceMaps implements AutoCloseable {
  private final Map<Part, Memory> maps = new EnumMap<>(Part.class);

  /// Of queries, states and rotary key, in this order; each empty where there is none.
  private final List<Memory> biases = new ArrayList<>();

  /// What gains of 1 multiply elements of a latent by; empty where no norm is trained.
  private final List<Memory> units = new ArrayList<>();

  /// The maps of a layer, and its biases.
  DeviceMaps(TrainingMath math, FactoredAttention layer) {
    for (Part part : Part.values()) {
      maps.put(part, uploaded(math, Maps.get(layer, part)));
    }
    biases.add(uploaded(math, layer.biases().query()));
    biases.add(uploaded(math, layer.biases().state()));
    biases.add(uploaded(math, layer.biases().ropeKey()));
    if (layer.norm().active()) {
      units.add(uploaded(math, units(layer.spec().layout().cacheRow().stateDim())));
    }
  }

  private DeviceMaps() {}

  /// Room for gradients of some parts.
  static DeviceMaps gradients(TrainingMath math, FactoredAttention layer, Set<Part> parts) {
    var gradients = new DeviceMaps();
    for (Part part : parts) {
      gradients.maps.put(part, math.allocate(Maps.get(layer, part).length));
    }
    return gradients;
  }

  private static Memory uploaded(TrainingMath math, float[] values) {
    Memory memory = math.allocate(values.length);
    memory.upload(values, 0);
    return memory;
  }

  private static float[] units(int dim) {
    float[] units = new float[dim];
    for (int i = 0; i < dim; i++) {
      units[i] = (float) LatentNorm.unit(i, dim);
    }
    return units;
  }

  Memory get(Part part) {
    Memory memory = maps.get(part);
    if (memory == null) {
      throw new IllegalArgumentException("no value for " + part);
    }
    return memory;
  }

  Memory queryBias() {
    return biases.get(0);
  }

  Memory stateBias() {
    return biases.get(1);
  }

  Memory ropeBias() {
    return biases.get(2);
  }

  /// `[d_c]`.
  Memory normUnit() {
    return units.getFirst();
  }

  /// Copies some parts to the host.
  Maps read(Set<Part> parts) {
    Map<Part, float[]> values = new EnumMap<>(Part.class);
    for (Part part : parts) {
      values.put(part, floats(get(part)));
    }
    return new Maps(values);
  }

  static float[] floats(Memory memory) {
    float[] values = new float[Math.toIntExact(memory.length())];
    memory.download(values, 0);
    return values;
  }

  @Override
  public void close() {
    maps.values().forEach(Memory::close);
    biases.forEach(Memory::close);
    units.forEach(Memory::close);
  }
}
