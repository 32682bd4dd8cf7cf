package dev.regroup.converters.write;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/// Which file holds which tensor, which layer writes it, and which files are this part's.
final class OutputFiles {
  private final List<PlannedFile> mine;
  private final Set<PlannedFile> mineAsSet;
  private final Map<String, PlannedFile> fileByTensor = new HashMap<>();
  private final Map<String, Integer> layerByTensor = new HashMap<>();
  private final Map<Integer, List<TensorInfo>> tensorsByLayer = new HashMap<>();

  OutputFiles(ConversionPlan plan, Part part) {
    mine = part.files(plan.shards());
    mineAsSet = new HashSet<>(mine);
    for (PlannedFile file : plan.shards().files()) {
      file.tensors().forEach(tensor -> fileByTensor.put(tensor.name(), file));
    }
    for (PlannedTensor tensor : plan.tensors(Fate.WRITTEN)) {
      layerByTensor.put(tensor.info().name(), tensor.layer());
      tensorsByLayer.computeIfAbsent(tensor.layer(), layer -> new ArrayList<>()).add(tensor.info());
    }
  }

  /// The files that this part writes.
  List<PlannedFile> mine() {
    return mine;
  }

  boolean isMine(PlannedFile file) {
    return mineAsSet.contains(file);
  }

  /// The file that holds a tensor.
  ///
  /// @throws IllegalArgumentException where none does
  PlannedFile of(String tensor) {
    PlannedFile file = fileByTensor.get(tensor);
    if (file == null) {
      throw new IllegalArgumentException("no planned tensor \"" + tensor + "\"");
    }
    return file;
  }

  /// The layer that writes a tensor; empty for kept ones.
  OptionalInt layer(String tensor) {
    Integer layer = layerByTensor.get(tensor);
    return layer == null ? OptionalInt.empty() : OptionalInt.of(layer);
  }

  /// The tensors that a layer writes.
  List<TensorInfo> written(int layer) {
    return tensorsByLayer.getOrDefault(layer, List.of());
  }

  /// The tensors that a layer writes into files of this part.
  List<TensorInfo> writtenHere(int layer) {
    return written(layer).stream().filter(tensor -> isMine(of(tensor.name()))).toList();
  }
}
