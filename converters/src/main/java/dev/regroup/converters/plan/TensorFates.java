package dev.regroup.converters.plan;

import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.quantization.Quantization;
import dev.regroup.formats.quantization.ScaleNames;
import dev.regroup.formats.quantization.ScaledWeight;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What becomes of each tensor of a source, scales included: those of a kept weight stay with it, those of
/// any other go.
final class TensorFates {
  private static final Pattern ATTENTION =
      Pattern.compile("model\\.layers\\.(\\d+)\\.self_attn\\..*");

  private final ModelSpec source;
  private final ModelSpec target;
  private final Collection<TensorInfo> tensors;
  private final ScaledWeights scaled;
  private final ConversionRequest request;
  private final Map<String, TensorInfo> byName = new HashMap<>();
  private final List<ScaledWeight> requantized = new ArrayList<>();

  TensorFates(
      ModelSpec source,
      ModelSpec target,
      Collection<TensorInfo> tensors,
      ScaledWeights scaled,
      ConversionRequest request) {
    this.source = source;
    this.target = target;
    this.tensors = tensors;
    this.scaled = scaled;
    this.request = request;
    tensors.forEach(info -> byName.put(info.name(), info));
    if (request.requantize()) {
      requireRequantizable();
    }
  }

  /// Every tensor with its fate, in the order of the source's files; a layer's attention is together, where
  /// its first tensor was.
  List<PlannedTensor> decide() {
    var planned = new ArrayList<PlannedTensor>();
    Set<Integer> begun = new HashSet<>();
    Set<String> kept = new HashSet<>();
    for (TensorInfo info : tensors) {
      int layer = attentionLayer(info.name());
      if (layer < 0 || layer >= source.layers().size()) {
        planned.add(new PlannedTensor(info, Fate.KEPT, -1));
        continue;
      }
      if (begun.add(layer)) {
        for (PlannedTensor tensor : layerTensors(layer)) {
          planned.add(tensor);
          if (tensor.fate() == Fate.KEPT) {
            kept.add(tensor.info().name());
          }
        }
      }
      if (!kept.contains(info.name())) {
        planned.add(new PlannedTensor(info, Fate.DROPPED, layer));
      }
    }
    return planned;
  }

  /// The written tensors that are quantised, once {@link #decide} has decided.
  List<ScaledWeight> requantized() {
    return requantized;
  }

  private void requireRequantizable() {
    Optional<Quantization> quantization = scaled.quantization();
    if (quantization.isEmpty() || scaled.all().isEmpty()) {
      throw new UnsupportedModelException(
          "--requantize: expected a source with FP8 weights, found none -> leave it out");
    }
    if (quantization.get().staticActivations()) {
      throw new UnsupportedModelException(
          "--requantize: the source's config says that activations are static, and no scale is"
              + " known for what new layers are fed -> leave it out, so that new layers are BF16");
    }
    if (request.dtype().isPresent()) {
      throw new UnsupportedModelException(
          "--requantize: new tensors take the source's dtype -> leave --dtype out");
    }
  }

  private List<PlannedTensor> layerTensors(int layer) {
    AttentionSpec before = source.layers().get(layer).attention();
    AttentionSpec after = target.layers().get(layer).attention();
    Set<AttentionTensor> unchanged = Planner.unchanged(before, after, request);
    Map<AttentionTensor, Shape> shapes = new LinkedHashMap<>(after.tensors(source.hiddenSize()));
    var planned = new ArrayList<PlannedTensor>();
    shapes.forEach(
        (tensor, shape) -> {
          TensorInfo old = byName.get(tensor.in(layer));
          if (unchanged.contains(tensor) && old != null) {
            planned.add(new PlannedTensor(old, Fate.KEPT, layer));
            keepScales(old, layer, planned);
          } else {
            write(tensor.in(layer), shape, layer, planned);
          }
        });
    return planned;
  }

  private void keepScales(TensorInfo weight, int layer, List<PlannedTensor> planned) {
    for (String name : ScaleNames.companions(weight.name())) {
      TensorInfo scale = byName.get(name);
      if (scale != null && scaled.isScale(name)) {
        planned.add(new PlannedTensor(scale, Fate.KEPT, layer));
      }
    }
  }

  private void write(String name, Shape shape, int layer, List<PlannedTensor> planned) {
    Optional<ScaledWeight> quantised = quantised(name, shape, layer);
    if (quantised.isPresent()) {
      requantized.add(quantised.get());
      planned.add(new PlannedTensor(quantised.get().weight(), Fate.WRITTEN, layer));
      planned.add(new PlannedTensor(quantised.get().scale(), Fate.WRITTEN, layer));
    } else {
      Dtype dtype = request.dtype().orElseGet(() -> writtenDtype(layer));
      planned.add(new PlannedTensor(new TensorInfo(name, dtype, shape), Fate.WRITTEN, layer));
    }
  }

  /// A new weight as the source would hold it: like the one of its name, or like the output projection.
  private Optional<ScaledWeight> quantised(String name, Shape shape, int layer) {
    if (!request.requantize() || shape.rank() != 2) {
      return Optional.empty();
    }
    String like = byName.containsKey(name) ? name : AttentionTensor.O_PROJ.in(layer);
    return scaled.find(like).map(weight -> weight.like(name, shape));
  }

  /// New tensors take the dtype of the projection they stand in for.
  private Dtype writtenDtype(int layer) {
    TensorInfo output = byName.get(AttentionTensor.O_PROJ.in(layer));
    return output == null || output.dtype().bits() < 16 ? Dtype.BF16 : output.dtype();
  }

  private static int attentionLayer(String name) {
    Matcher matcher = ATTENTION.matcher(name);
    return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
  }
}
