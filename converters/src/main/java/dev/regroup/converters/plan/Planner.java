package dev.regroup.converters.plan;

import dev.regroup.formats.architecture.DeepseekConfig;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Makes a {@link ConversionPlan} from a spec and headers.
public final class Planner {
  private Planner() {}

  /// The plan of a conversion.
  ///
  /// @param source what the source is
  /// @param tensors of the source, in the order of its files
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the request does not fit
  ///     the source
  public static ConversionPlan plan(
      ModelSpec source, Collection<TensorInfo> tensors, ConversionRequest request) {
    return plan(source, tensors, List.of(), ScaledWeights.none(), request);
  }

  /// The plan of a conversion of a source that may be quantised.
  ///
  /// @param files of the source that hold the tensors; none where they are not known
  /// @param scaled its quantised weights
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the request does not fit
  ///     the source
  public static ConversionPlan plan(
      ModelSpec source,
      Collection<TensorInfo> tensors,
      List<Checkpoint.Shard> files,
      ScaledWeights scaled,
      ConversionRequest request) {
    ModelSpec target = target(source, request);
    var fates = new TensorFates(source, target, tensors, scaled, request);
    List<PlannedTensor> planned = fates.decide();
    ShardPlan shards = new OutputShards(files).plan(planned, request.maxShardBytes());
    return new ConversionPlan(
        source,
        target,
        request,
        planned,
        fates.requantized(),
        shards,
        shards.bytes(),
        PeakMemory.estimate(source, target),
        notes(source, target, scaled, request));
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
    boolean fromMla = source.layers().getFirst().attention().layout() instanceof Gla;
    if (request.profile() == Profile.REFERENCE
        && (request.target() != TargetLayout.GLA || fromMla)) {
      throw new UnsupportedModelException(
          "layer 0: --profile reference: it is a form of GLA made from MHA or GQA, whose latents"
              + " have a norm each -> --profile regroup");
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

  /// The attention tensors that a conversion copies byte for byte.
  static Set<AttentionTensor> unchanged(
      AttentionSpec before, AttentionSpec after, ConversionRequest request) {
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
      unchanged.addAll(Set.of(AttentionTensor.Q_BIAS, AttentionTensor.O_BIAS));
    }
    if (latentsAgain && !request.wholeFit()) {
      unchanged.addAll(
          Set.of(AttentionTensor.Q_PROJ, AttentionTensor.Q_B_PROJ, AttentionTensor.O_PROJ));
    }
    return unchanged;
  }

  private static List<String> notes(
      ModelSpec source, ModelSpec target, ScaledWeights scaled, ConversionRequest request) {
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
    if (target.layers().getFirst().attention().query() instanceof QueryPath.Reference(int rank)) {
      int published =
          ReferenceAttention.publishedRank(
              target.layers().getFirst().attention().layout().nopeDim());
      if (rank != published) {
        notes.add(
            "queries have rank %d, the published code says %d (8 head dims), which is too few for the"
                    .formatted(rank, published)
                + " hidden size: change q_proj_dim there to load it");
      }
    }
    if (source.extraLayers() > 0) {
      notes.add(
          "%d layers for multi-token prediction pass through unchanged"
              .formatted(source.extraLayers()));
    }
    if (!scaled.all().isEmpty()) {
      notes.add(
          request.requantize()
              ? "new attention weights are quantised again, which adds rounding noise"
              : "quantised weights that stay keep their bytes and scales; new attention weights are"
                  + " not quantised, and the config says so -> --requantize quantises them as the"
                  + " source's");
    }
    return notes;
  }
}
