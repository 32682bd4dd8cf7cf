package dev.regroup.converters.report;

import dev.regroup.converters.plan.ConversionPlan;
import java.nio.file.Path;
import java.util.List;

/// What a conversion did.
///
/// @param calibrationSource where the calibration text came from, or `none`
/// @param calibrationTokens 0 where none was given
/// @param used time and memory
public record ConversionReport(
    Path source,
    Path target,
    ConversionPlan plan,
    String calibrationSource,
    long calibrationTokens,
    List<LayerReport> layers,
    ResourceUse used) {
  public ConversionReport {
    layers = List.copyOf(layers);
  }
}
