package dev.regroup.converters;

import dev.regroup.converters.fit.FitOptions;

/// How a plan is carried out.
///
/// @param fit how hard closed forms are improved on calibration text
/// @param seed of everything random; equal seeds give equal bytes
/// @param overwrite whether an existing target is replaced
/// @param allowNonFinite whether NaN and infinite weights are let through instead of refused
/// @param toolVersion written into the target's config
public record ConversionOptions(
    FitOptions fit, long seed, boolean overwrite, boolean allowNonFinite, String toolVersion) {}
