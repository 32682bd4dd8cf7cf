package dev.regroup.converters.plan;

import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.architecture.DeepseekConfig;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Makes a {@link ConversionPlan} from a spec and headers.
public final class Planner {
  private static final Pattern ATTENTION =
      Pattern.compile("model\\.layers\\.(\\d+)\\.self_attn\\..*");

  private Planner() {}

  /// The plan of a conversion.
  ///
  /// @param source what the source is
  /// @param tensors of the source, in the order of its files
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the request does not fit
  ///     the source
  public static ConversionPlan plan(
      ModelSpec source, Collection<TensorInfo> tensors, ConversionRequest request) {
    ModelSpec target = target(source, request);
    List<PlannedTensor> planned = fates(source, target, tensors, request);
    List<TensorInfo> output =
        planned.stream()
            .filter(tensor -> tensor.fate() != Fate.DROPPED)
            .map(PlannedTensor::info)
            .toList();
    ShardPlan shards = ShardPlan.cut(output, request.maxShardBytes());
    return new ConversionPlan(
        source,
        target,
        request,
        planned,
        shards,
        shards.bytes(),
        PeakMemory.estimate(source, target),
        notes(source, target));
  }

  private static ModelSpec target(ModelSpec source, ConversionRequest request) {
    var attention = new ArrayList<AttentionSpec>();
    for (int i = 0; i < source.layers().size(); i++) {
      attention.add(
          TargetAttention.of(i, source.layers().get(i).attention(), source.hiddenSize(), request));
    }
    return source.withAttention(architecture(source, request), attention);
  }

  private static String architecture(ModelSpec source, ConversionRequest request) {
    boolean mla = request.target() == TargetLayout.MLA;
    if (!mla && request.profile().isDeepseek()) {
      throw new UnsupportedModelException(
          "layer 0: --profile: expected regroup or reference for --to %s, found %s"
              .formatted(request.target().label(), request.profile().label()));
    }
    return switch (request.profile()) {
      case REGROUP, REFERENCE -> "regroup";
      case DEEPSEEK_V2 -> deepseek(source, DeepseekConfig.V2);
      case DEEPSEEK_V3 -> deepseek(source, DeepseekConfig.V3);
    };
  }

  private static String deepseek(ModelSpec source, String architecture) {
    DeepseekConfig.requireExpressible(source);
    return architecture;
  }

  private static List<PlannedTensor> fates(
      ModelSpec source,
      ModelSpec target,
      Collection<TensorInfo> tensors,
      ConversionRequest request) {
    Map<String, TensorInfo> byName = new HashMap<>();
    tensors.forEach(info -> byName.put(info.name(), info));
    var planned = new ArrayList<PlannedTensor>();
    Set<Integer> begun = new java.util.HashSet<>();
    Set<String> kept = new java.util.HashSet<>();
    for (TensorInfo info : tensors) {
      int layer = attentionLayer(info.name());
      if (layer < 0 || layer >= source.layers().size()) {
        planned.add(new PlannedTensor(info, Fate.KEPT, -1));
        continue;
      }
      if (begun.add(layer)) {
        for (PlannedTensor tensor : layerTensors(source, target, layer, byName, request)) {
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

  private static List<PlannedTensor> layerTensors(
      ModelSpec source,
      ModelSpec target,
      int layer,
      Map<String, TensorInfo> byName,
      ConversionRequest request) {
    AttentionSpec before = source.layers().get(layer).attention();
    AttentionSpec after = target.layers().get(layer).attention();
    Set<AttentionTensor> unchanged = unchanged(before, after);
    Map<AttentionTensor, Shape> shapes = new LinkedHashMap<>(after.tensors(source.hiddenSize()));
    var planned = new ArrayList<PlannedTensor>();
    shapes.forEach(
        (tensor, shape) -> {
          String name = tensor.in(layer);
          TensorInfo old = byName.get(name);
          if (unchanged.contains(tensor) && old != null) {
            planned.add(new PlannedTensor(old, Fate.KEPT, layer));
          } else {
            Dtype dtype = request.dtype().orElseGet(() -> writtenDtype(byName, layer));
            planned.add(new PlannedTensor(new TensorInfo(name, dtype, shape), Fate.WRITTEN, layer));
          }
        });
    return planned;
  }

  /// The attention tensors that a conversion copies byte for byte.
  public static Set<AttentionTensor> unchanged(AttentionSpec before, AttentionSpec after) {
    Set<AttentionTensor> unchanged = EnumSet.noneOf(AttentionTensor.class);
    if (after.state() instanceof StatePath.Encoded) {
      unchanged.addAll(
          Set.of(
              AttentionTensor.K_PROJ,
              AttentionTensor.K_BIAS,
              AttentionTensor.K_NORM,
              AttentionTensor.V_PROJ,
              AttentionTensor.V_BIAS));
    }
    if (after.query() instanceof QueryPath.Mixed) {
      unchanged.addAll(
          Set.of(AttentionTensor.Q_PROJ, AttentionTensor.Q_BIAS, AttentionTensor.Q_NORM));
    }
    if (!(before.layout() instanceof Gla)) {
      return unchanged;
    }
    unchanged.addAll(
        Set.of(
            AttentionTensor.KV_A_PROJ,
            AttentionTensor.KV_A_BIAS,
            AttentionTensor.KV_A_NORM,
            AttentionTensor.Q_A_PROJ,
            AttentionTensor.Q_A_BIAS,
            AttentionTensor.Q_A_NORM));
    boolean latentsAgain =
        switch (after.layout()) {
          case Gla _ -> true;
          case Gta _ -> false;
          case dev.regroup.formats.attention.Gqa _ -> false;
        };
    if (latentsAgain) {
      unchanged.addAll(
          Set.of(
              AttentionTensor.Q_PROJ,
              AttentionTensor.Q_BIAS,
              AttentionTensor.Q_B_PROJ,
              AttentionTensor.O_PROJ,
              AttentionTensor.O_BIAS));
    }
    return unchanged;
  }

  /// New tensors take the dtype of the projection they stand in for.
  private static Dtype writtenDtype(Map<String, TensorInfo> byName, int layer) {
    TensorInfo output = byName.get(AttentionTensor.O_PROJ.in(layer));
    return output == null || output.dtype().bits() < 16 ? Dtype.BF16 : output.dtype();
  }

  private static int attentionLayer(String name) {
    Matcher matcher = ATTENTION.matcher(name);
    return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
  }

  private static List<String> notes(ModelSpec source, ModelSpec target) {
    var notes = new ArrayList<String>();
    LayerSpec first = source.layers().getFirst();
    boolean fromMla = first.attention().layout() instanceof Gla;
    boolean toGta = target.layers().getFirst().attention().layout() instanceof Gta;
    if (fromMla && toGta) {
      notes.add(
          "MLA to GTA is lossy: a state serves as value and half a key; at the same bytes per rank"
              + " GLA keeps more -> prefer --to gla");
    }
    if (target.cacheElements() > source.cacheElements()) {
      notes.add(
          "the target caches more per token than the source (%d elements, %d before); it pays only where"
                  .formatted(target.cacheElements(), source.cacheElements())
              + " it is sharded over devices");
    }
    if (source.extraLayers() > 0) {
      notes.add(
          "%d layers for multi-token prediction pass through unchanged"
              .formatted(source.extraLayers()));
    }
    return notes;
  }
}
