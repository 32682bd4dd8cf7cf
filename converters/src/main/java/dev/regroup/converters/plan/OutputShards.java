package dev.regroup.converters.plan;

import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.safetensors.SafetensorsFile;
import dev.regroup.formats.safetensors.SafetensorsHeader;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/// Decides which file of an output holds which tensor, and in which order.
///
/// The output has a file for each of the source's. In it lies first what is kept, in the source's
/// order, so that it is copied in long runs and before its layers are converted; then what is written.
/// The header is as long as it takes for most kept bytes to lie at the source's places modulo a block:
/// file systems that share blocks can then share them.
final class OutputShards {
  private static final int HEADER_STEP = 8;

  private final Map<String, Place> places = new HashMap<>();
  private final List<Long> bytes = new ArrayList<>();

  /// Where a kept tensor lies in the source: its file's number, and the offset there.
  private record Place(int file, long offset) {}

  /// @param source its files of tensors; none where they are not known
  OutputShards(List<Checkpoint.Shard> source) {
    for (Checkpoint.Shard shard : source) {
      long sum = shard.tensors().stream().mapToLong(TensorInfo::bytes).sum();
      OptionalLong start = dataStart(shard, sum);
      if (start.isPresent()) {
        long at = start.getAsLong();
        for (TensorInfo tensor : shard.tensors()) {
          places.put(tensor.name(), new Place(bytes.size(), at));
          at += tensor.bytes();
        }
      }
      bytes.add(sum);
    }
  }

  /// Where a file's tensors begin. One that is not in safetensors is taken for the file that the
  /// safetensors library would make of it, so that equal models give equal bytes.
  private static OptionalLong dataStart(Checkpoint.Shard shard, long bytesOfTensors) {
    if (shard.file().toString().endsWith(SafetensorsFile.SUFFIX)) {
      return OptionalLong.of(shard.bytes() - bytesOfTensors);
    }
    return ShardPlan.pieces(shard.tensors(), Long.MAX_VALUE).size() > 1
        ? OptionalLong.empty()
        : OptionalLong.of(SafetensorsHeader.render(shard.tensors(), Map.of()).length);
  }

  /// The files of an output.
  ///
  /// @param tensors planned, in the order of the source's files
  /// @param most bytes of tensors in a file; by default the source's files are followed, and cut only
  ///     where they are large
  ShardPlan plan(List<PlannedTensor> tensors, OptionalLong most) {
    Set<String> written = new HashSet<>();
    tensors.stream()
        .filter(tensor -> tensor.fate() == Fate.WRITTEN)
        .forEach(tensor -> written.add(tensor.info().name()));
    List<ShardPlan.Contents> files = new ArrayList<>();
    groups(tensors, most.isPresent())
        .forEach(
            (file, group) -> {
              for (List<TensorInfo> piece :
                  ShardPlan.pieces(group, most.orElseGet(() -> usualLimit(file)))) {
                List<TensorInfo> arranged = arranged(piece, written);
                files.add(new ShardPlan.Contents(arranged, phase(arranged, written)));
              }
            });
    return ShardPlan.of(files);
  }

  private long usualLimit(int file) {
    return file < bytes.size() && bytes.get(file) <= ConversionRequest.LARGE_SHARD_BYTES
        ? Long.MAX_VALUE
        : ConversionRequest.LARGE_SHARD_BYTES;
  }

  /// What goes into the output, by the source's file that it belongs to: written tensors go where
  /// their layer's attention begins.
  private Map<Integer, List<TensorInfo>> groups(List<PlannedTensor> tensors, boolean together) {
    Map<Integer, Integer> firstFile = new HashMap<>();
    for (PlannedTensor tensor : tensors) {
      if (tensor.fate() != Fate.WRITTEN && tensor.layer() >= 0) {
        firstFile.merge(tensor.layer(), file(tensor), Math::min);
      }
    }
    Map<Integer, List<TensorInfo>> groups = new TreeMap<>();
    for (PlannedTensor tensor : tensors) {
      if (tensor.fate() != Fate.DROPPED) {
        int file =
            tensor.fate() == Fate.KEPT ? file(tensor) : firstFile.getOrDefault(tensor.layer(), 0);
        groups.computeIfAbsent(together ? 0 : file, each -> new ArrayList<>()).add(tensor.info());
      }
    }
    return groups;
  }

  private int file(PlannedTensor tensor) {
    Place place = places.get(tensor.info().name());
    return place == null ? 0 : place.file();
  }

  /// The tensors of a file, each aligned to its elements.
  private List<TensorInfo> arranged(List<TensorInfo> tensors, Set<String> written) {
    Comparator<TensorInfo> asInSource =
        Comparator.comparing(
            tensor -> places.get(tensor.name()),
            Comparator.nullsFirst(
                Comparator.comparingInt(Place::file).thenComparingLong(Place::offset)));
    List<TensorInfo> kept =
        tensors.stream().filter(each -> !written.contains(each.name())).sorted(asInSource).toList();
    List<TensorInfo> rest =
        ShardPlan.widerFirst(
            tensors.stream().filter(each -> written.contains(each.name())).toList());
    return Stream.of(kept, ShardPlan.widerFirst(kept))
        .map(first -> Stream.concat(first.stream(), rest.stream()).toList())
        .filter(OutputShards::isAligned)
        .findFirst()
        .orElseGet(() -> ShardPlan.widerFirst(tensors));
  }

  private static boolean isAligned(List<TensorInfo> tensors) {
    long at = 0;
    for (TensorInfo tensor : tensors) {
      if (at % Math.max(1, tensor.dtype().bits() / 8) != 0) {
        return false;
      }
      at += tensor.bytes();
    }
    return true;
  }

  /// Where a file's data must begin in a block for most of its kept bytes to lie as in the source;
  /// empty where no whole block would.
  private OptionalInt phase(List<TensorInfo> tensors, Set<String> written) {
    Map<Integer, Long> bytesByPhase = new LinkedHashMap<>();
    long at = 0;
    for (TensorInfo tensor : tensors) {
      Place place = places.get(tensor.name());
      if (place != null && !written.contains(tensor.name())) {
        int phase = Math.floorMod(place.offset() - at, ShardPlan.BLOCK);
        bytesByPhase.merge(phase, tensor.bytes(), Long::sum);
      }
      at += tensor.bytes();
    }
    OptionalInt best = OptionalInt.empty();
    long most = 2L * ShardPlan.BLOCK - 1;
    for (Map.Entry<Integer, Long> each : bytesByPhase.entrySet()) {
      if (each.getValue() > most && each.getKey() % HEADER_STEP == 0) {
        best = OptionalInt.of(each.getKey());
        most = each.getValue();
      }
    }
    return best;
  }
}
