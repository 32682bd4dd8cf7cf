package dev.regroup.converters;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.runtime.model.Backend;
import java.nio.file.Path;

/// How a plan is carried out.
///
/// @param fit how hard closed forms are improved on calibration text
/// @param seed of everything random; equal seeds give equal bytes
/// @param overwrite whether an existing target is replaced
/// @param allowNonFinite whether NaN and infinite weights are let through instead of refused
/// @param toolVersion written into the target's config
/// @param backend runs the source's layers, and the converted ones beside them
/// @param scratch the folder for activations that do not fit in memory
public record ConversionOptions(
    FitOptions fit,
    long seed,
    boolean overwrite,
    boolean allowNonFinite,
    String toolVersion,
    Backend backend,
    Path scratch) {
  /// Options of a conversion on the CPU, activations in the platform's folder for temporary files.
  public ConversionOptions(
      FitOptions fit, long seed, boolean overwrite, boolean allowNonFinite, String toolVersion) {
    this(
        fit,
        seed,
        overwrite,
        allowNonFinite,
        toolVersion,
        Backend.cpu(),
        Scratch.temporaryFolder());
  }

  /// The same on another backend.
  public ConversionOptions on(Backend other) {
    return new ConversionOptions(fit, seed, overwrite, allowNonFinite, toolVersion, other, scratch);
  }

  /// The same with activations in another folder.
  public ConversionOptions spillingTo(Path folder) {
    return new ConversionOptions(
        fit, seed, overwrite, allowNonFinite, toolVersion, backend, folder);
  }
}
