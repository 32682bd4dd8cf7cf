package dev.regroup.formats.tensor;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/// One set of tensors seen through another that wins where both have a name.
record OverlaidTensors(Tensors under, Tensors over) implements Tensors {
  @Override
  public Collection<TensorInfo> infos() {
    List<TensorInfo> all = new ArrayList<>(over.infos());
    for (TensorInfo info : under.infos()) {
      if (over.find(info.name()).isEmpty()) {
        all.add(info);
      }
    }
    return all;
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return over.find(name).or(() -> under.find(name));
  }

  @Override
  public float[] floats(String name) {
    return over.find(name).isPresent() ? over.floats(name) : under.floats(name);
  }
}
