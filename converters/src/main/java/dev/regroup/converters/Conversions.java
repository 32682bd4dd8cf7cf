package dev.regroup.converters;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.fit.FitPlan;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.Planner;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.write.PartJournals;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.Optional;

/// The front door of this module: plans conversions and carries them out.
///
/// | from | to GTA | to GLA | to MLA |
/// |---|---|---|---|
/// | MHA, MQA, GQA | {@link dev.regroup.converters.closedform.ClosedForm} | the same | the same |
/// | MLA | the same; lossy | the same | refused |
/// | GTA, GLA | refused | refused | refused |
public final class Conversions {
  private Conversions() {}

  /// The plan of a conversion, from config and headers alone.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where config and tensors disagree
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the request does not fit
  public static ConversionPlan plan(Checkpoint source, ConversionRequest request) {
    return Planner.plan(
        Checkpoints.describe(source),
        source.infos(),
        source.shards(),
        ScaledWeights.of(source),
        request);
  }

  /// The plan of a conversion on calibration text: where its fit makes steps, everything that attention
  /// of an MLA source computes with is fitted, and written anew.
  ///
  /// @param windowTokens of a window of that text
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where config and tensors disagree
  /// @throws dev.regroup.formats.checkpoint.UnsupportedModelException where the request does not fit
  public static ConversionPlan plan(
      Checkpoint source, ConversionRequest request, FitOptions fit, int windowTokens) {
    ConversionPlan closed = plan(source, request);
    boolean latents =
        request.target() == TargetLayout.GLA
            && closed.source().layers().stream()
                .anyMatch(layer -> layer.attention().layout() instanceof Gla);
    return latents && FitPlan.of(fit, closed.target(), windowTokens).steps() > 0
        ? plan(source, request.withWholeFit())
        : closed;
  }

  /// Carries out a plan: `target` is a whole checkpoint afterwards, or absent.
  ///
  /// @param calibration windows of tokens; without them closed forms use what the weights suggest, and
  ///     nothing is refitted
  /// @throws java.io.UncheckedIOException where the target exists or cannot be written
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where a weight is not finite
  public static ConversionReport convert(
      Checkpoint source,
      ConversionPlan plan,
      Optional<TokenWindows> calibration,
      Path target,
      ConversionOptions options,
      Progress progress) {
    return convert(
        source,
        plan,
        calibration,
        target,
        options,
        WriteOptions.usual(options.overwrite()),
        progress);
  }

  /// Carries out a plan in a way of the caller's; see the shorter one.
  ///
  /// Where {@link WriteOptions#part} is one of several, the target is not there afterwards: it is
  /// made once all parts are merged.
  public static ConversionReport convert(
      Checkpoint source,
      ConversionPlan plan,
      Optional<TokenWindows> calibration,
      Path target,
      ConversionOptions options,
      WriteOptions writing,
      Progress progress) {
    ConversionPlan settled =
        TableSearch.settle(source, plan, calibration, options.allowNonFinite());
    return new Conversion(source, settled, calibration, options, writing, progress).into(target);
  }

  /// The source that the parts of a target were converted from, as they called it.
  ///
  /// @throws java.io.UncheckedIOException where there are no parts of it
  public static Path sourceOfParts(Path target) {
    return PartJournals.source(target);
  }

  /// Makes a target of the parts that several processes converted: checks that all of them are
  /// complete and of one conversion, hashes every file again, and commits.
  ///
  /// @param source what the parts were converted from
  /// @return what the parts did
  /// @throws java.io.UncheckedIOException where a part is missing, unfinished or still running
  public static ConversionReport merge(
      Checkpoint source, Path target, WriteOptions writing, Progress progress) {
    return new MergedParts(source, writing, progress).into(target);
  }
}
