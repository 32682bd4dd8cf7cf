package dev.regroup.verify.report;

import dev.regroup.runtime.device.DeviceSummary;
import java.util.List;
import java.util.Optional;

/// What a target is worth beside its source.
///
/// @param toolVersion of the tool that verified
/// @param verdict what it comes to
/// @param reason the verdict in one sentence
/// @param tokens what both models read
/// @param checks in the order of levels
/// @param layers empty where no layer was run
/// @param controls nothing where no layer was run
/// @param speed of decoding; nothing on the CPU, or where decoding was not asked for
/// @param device what both models ran on
/// @param conversion what the conversion wrote down; empty where it left no record
public record VerificationReport(
    String toolVersion,
    Verdict verdict,
    String reason,
    ModelSummary source,
    ModelSummary target,
    TextSummary tokens,
    Thresholds thresholds,
    List<Check> checks,
    Optional<TensorFindings> tensors,
    List<LayerFinding> layers,
    Optional<LogitFindings> logits,
    Optional<DecodeFindings> decode,
    CacheFindings cache,
    Optional<ControlFindings> controls,
    Optional<SpeedFindings> speed,
    DeviceSummary device,
    ConversionFindings conversion) {
  public VerificationReport {
    checks = List.copyOf(checks);
    layers = List.copyOf(layers);
  }

  /// The same with what the conversion wrote down.
  public VerificationReport withConversion(ConversionFindings record) {
    return new VerificationReport(
        toolVersion,
        verdict,
        reason,
        source,
        target,
        tokens,
        thresholds,
        checks,
        tensors,
        layers,
        logits,
        decode,
        cache,
        controls,
        speed,
        device,
        record);
  }

  /// Versioned JSON, snake_case; numbers that could not be measured are null.
  public String json() {
    return JsonReport.of(this);
  }

  /// JUnit XML: one suite a level, one test case a check.
  public String junitXml() {
    return JUnitReport.of(this);
  }

  /// One HTML page that needs no other file and no network.
  public String html() {
    return HtmlReport.of(this);
  }

  /// A table for a terminal, without colours.
  public String text() {
    return TextReport.of(this);
  }
}
