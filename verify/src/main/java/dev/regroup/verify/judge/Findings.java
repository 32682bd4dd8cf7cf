package dev.regroup.verify.judge;

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
public record Findings(
    Optional<TensorFindings> tensors,
    List<LayerFinding> layers,
    Optional<LogitFindings> logits,
    Optional<DecodeFindings> decode,
    CacheFindings cache,
    Optional<ControlFindings> controls,
    Optional<SpeedFindings> speed) {
  public Findings {
    layers = List.copyOf(layers);
  }
}
