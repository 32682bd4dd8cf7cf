package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.pytorch.Value.Dict;
import dev.regroup.formats.pytorch.Value.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The tensors of a pickle by name.
///
/// @param tensors in the pickle's order
/// @param oddities what was left out, one line each
record StateDict(Map<String, Tensor> tensors, List<String> oddities) {
  /// What trainers call the state dict when they save more with it.
  private static final String WRAPPED = "state_dict";

  private static final int NAMED = 5;

  StateDict {
    tensors = Collections.unmodifiableMap(tensors);
    oddities = List.copyOf(oddities);
  }

  /// Finds the tensors in what a pickle left on its stack.
  ///
  /// @param file named in errors
  /// @throws CheckpointException where it is no dict of tensors
  static StateDict of(Path file, Value value) {
    if (!(value instanceof Dict root)) {
      throw new CheckpointException(
          "%s: data.pkl: expected a state dict, found %s".formatted(file, Value.kind(value)));
    }
    boolean bare = root.items().values().stream().anyMatch(Tensor.class::isInstance);
    if (!bare && root.items().get(WRAPPED) instanceof Dict wrapped) {
      return read(
          file, wrapped, List.of("read from its entry \"state_dict\"; the others are left out"));
    }
    return read(file, root, List.of());
  }

  private static StateDict read(Path file, Dict dict, List<String> oddities) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    List<String> others = new ArrayList<>();
    for (Map.Entry<Object, Value> entry : dict.items().entrySet()) {
      if (entry.getKey() instanceof String name && entry.getValue() instanceof Tensor tensor) {
        tensors.put(name, tensor);
      } else {
        others.add(Quoted.of(String.valueOf(entry.getKey())));
      }
    }
    if (tensors.isEmpty()) {
      throw new CheckpointException(
          "%s: data.pkl: expected tensors by name, found none%s -> save the state_dict() alone"
              .formatted(file, named(others)));
    }
    List<String> all = new ArrayList<>(oddities);
    if (!others.isEmpty()) {
      all.add("%d entries are no tensors and left out%s".formatted(others.size(), named(others)));
    }
    return new StateDict(tensors, all);
  }

  private static String named(List<String> others) {
    if (others.isEmpty()) {
      return "";
    }
    List<String> first = others.subList(0, Math.min(NAMED, others.size()));
    return " (%s%s)".formatted(String.join(", ", first), others.size() > NAMED ? ", ..." : "");
  }
}
