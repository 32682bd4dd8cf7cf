package dev.regroup.converters.plan;

import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.List;

/// Everything a conversion will write, before a weight is read.
///
/// @param source what the source is
/// @param target what the target will be
/// @param tensors every tensor written, kept or dropped, in the order of the output
/// @param shards the output's files
/// @param outputBytes of all tensors, without headers
/// @param peakMemoryBytes an upper estimate of the heap that the conversion needs
/// @param notes what a user should know: what is lossy, what stays as it is
public record ConversionPlan(
    ModelSpec source,
    ModelSpec target,
    ConversionRequest request,
    List<PlannedTensor> tensors,
    ShardPlan shards,
    long outputBytes,
    long peakMemoryBytes,
    List<String> notes) {
  public ConversionPlan {
    tensors = List.copyOf(tensors);
    notes = List.copyOf(notes);
  }

  /// The same plan for a target that differs in what no tensor's shape depends on.
  public ConversionPlan withTarget(ModelSpec other) {
    return new ConversionPlan(
        source, other, request, tensors, shards, outputBytes, peakMemoryBytes, notes);
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
}
