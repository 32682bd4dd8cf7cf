package dev.regroup.converters.plan;

import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.quantization.ScaleNames;
import dev.regroup.formats.quantization.ScaledWeight;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// Everything a conversion will write, before a weight is read.
///
/// @param source what the source is
/// @param target what the target will be
/// @param tensors every tensor written, kept or dropped, in the order of the output
/// @param requantized those written tensors that are quantised, each with its scales
/// @param shards the output's files
/// @param outputBytes of all tensors, without headers
/// @param peakMemoryBytes an upper estimate of the heap that the conversion needs
/// @param notes what a user should know: what is lossy, what stays as it is
public record ConversionPlan(
    ModelSpec source,
    ModelSpec target,
    ConversionRequest request,
    List<PlannedTensor> tensors,
    List<ScaledWeight> requantized,
    ShardPlan shards,
    long outputBytes,
    long peakMemoryBytes,
    List<String> notes) {
  public ConversionPlan {
    tensors = List.copyOf(tensors);
    requantized = List.copyOf(requantized);
    notes = List.copyOf(notes);
  }

  /// The same plan for a target that differs in what no tensor's shape depends on.
  public ConversionPlan withTarget(ModelSpec other) {
    return new ConversionPlan(
        source, other, request, tensors, requantized, shards, outputBytes, peakMemoryBytes, notes);
  }

  /// The planned tensors of one fate, in the order of the output.
  public List<PlannedTensor> tensors(Fate fate) {
    return tensors.stream().filter(tensor -> tensor.fate() == fate).toList();
  }

  /// Bytes of the planned tensors of one fate.
  public long bytes(Fate fate) {
    return tensors(fate).stream().mapToLong(tensor -> tensor.info().bytes()).sum();
  }

  /// The tensors of the output, in order.
  public List<TensorInfo> output() {
    return tensors.stream()
        .filter(tensor -> tensor.fate() != Fate.DROPPED)
        .map(PlannedTensor::info)
        .toList();
  }

  /// Modules whose weights are written anew and not quantised, in the order of the output.
  public List<String> plainModules() {
    Set<String> quantised =
        requantized.stream().map(weight -> weight.weight().name()).collect(Collectors.toSet());
    return tensors(Fate.WRITTEN).stream()
        .map(PlannedTensor::info)
        .filter(info -> info.shape().rank() == 2 && !quantised.contains(info.name()))
        .filter(info -> info.name().endsWith(ScaleNames.WEIGHT))
        .map(info -> ScaleNames.module(info.name()))
        .toList();
  }
}
