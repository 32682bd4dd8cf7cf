package dev.regroup.verify.report;

/// What the conversion itself wrote down about a layer; not measured by the verification.
///
/// @param layer index from 0
/// @param before error of the closed form on windows that no step of the fit saw: squared, relative to
///     what the source's attention adds there
/// @param after the same of what was written
public record ConvertedLayer(int layer, double before, double after) {}
