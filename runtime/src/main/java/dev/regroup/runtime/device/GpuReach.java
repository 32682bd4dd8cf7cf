package dev.regroup.runtime.device;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.StatePath;
import java.util.List;
import java.util.Optional;

/// What GPUs do not run, so that whoever left the choice of a device to us gets the CPU.
final class GpuReach {
  private GpuReach() {}

  /// Why a GPU does not run one of some models; nothing where it runs them all.
  static Optional<String> refusal(List<ModelSpec> models) {
    return models.stream()
            .flatMap(model -> model.layers().stream())
            .anyMatch(layer -> !runs(layer.attention()))
        ? Optional.of("the reference's form of GLA runs on the CPU alone")
        : Optional.empty();
  }

  private static boolean runs(AttentionSpec attention) {
    boolean queries =
        switch (attention.query()) {
          case QueryPath.Reference _ -> false;
          case QueryPath.Direct _, QueryPath.LowRank _, QueryPath.Mixed _ -> true;
        };
    return switch (attention.state()) {
      case StatePath.Reference _ -> false;
      case StatePath.KeyValue _, StatePath.Tied _, StatePath.Latent _, StatePath.Encoded _ ->
          queries;
    };
  }
}
