package dev.regroup.verify.judge;

import dev.regroup.verify.compare.AttentionAlone;
import dev.regroup.verify.report.CacheFindings;
import dev.regroup.verify.report.ControlFindings;
import dev.regroup.verify.report.DecodeFindings;
import dev.regroup.verify.report.LayerFinding;
import dev.regroup.verify.report.LogitFindings;
import dev.regroup.verify.report.SpeedFindings;
import dev.regroup.verify.report.TensorFindings;
import java.util.List;
import java.util.Optional;

/// Everything that was measured, before anybody judges it.
///
/// @param layers empty where no layer was run
/// @param alone where layers were too large to run whole, what was seen of their attention
/// @param tooLarge why levels that run whole layers were skipped, if they were
public record Findings(
    Optional<TensorFindings> tensors,
    List<LayerFinding> layers,
    Optional<LogitFindings> logits,
    Optional<DecodeFindings> decode,
    CacheFindings cache,
    Optional<ControlFindings> controls,
    Optional<SpeedFindings> speed,
    Optional<AttentionAlone.Outcome> alone,
    Optional<String> tooLarge) {
  /// Findings of models that were run whole, or not at all.
  public Findings(
      Optional<TensorFindings> tensors,
      List<LayerFinding> layers,
      Optional<LogitFindings> logits,
      Optional<DecodeFindings> decode,
      CacheFindings cache,
      Optional<ControlFindings> controls,
      Optional<SpeedFindings> speed) {
    this(
        tensors,
        layers,
        logits,
        decode,
        cache,
        controls,
        speed,
        Optional.empty(),
        Optional.empty());
  }

  public Findings {
    layers = List.copyOf(layers);
  }

  /// The same of a model whose layers are too large to run whole.
  ///
  /// @param reason why, in one line
  public Findings tooLarge(Optional<AttentionAlone.Outcome> attention, String reason) {
    return new Findings(
        tensors, layers, logits, decode, cache, controls, speed, attention, Optional.of(reason));
  }
}
