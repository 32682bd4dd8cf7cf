package dev.regroup.formats.tensor;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Float32 tensors in memory, such as a converted layer before it is written.
final class InMemoryTensors implements Tensors {
  private final Map<String, float[]> values;
  private final Map<String, TensorInfo> infos = new LinkedHashMap<>();

  InMemoryTensors(Map<String, float[]> values, Map<String, Shape> shapes) {
    this.values = values;
    shapes.forEach(
        (name, shape) -> {
          float[] elements = values.get(name);
          if (elements == null || elements.length != shape.elements()) {
            throw new IllegalArgumentException(
                "tensor \"%s\": expected %d elements for %s, found %s"
                    .formatted(
                        name,
                        shape.elements(),
                        shape,
                        elements == null ? "none" : elements.length));
          }
          infos.put(name, new TensorInfo(name, Dtype.F32, shape));
        });
  }

  @Override
  public Collection<TensorInfo> infos() {
    return infos.values();
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(infos.get(name));
  }

  @Override
  public float[] floats(String name) {
    float[] elements = values.get(name);
    if (elements == null) {
      throw new IllegalArgumentException("no tensor \"" + name + "\"");
    }
    return elements;
  }
}
