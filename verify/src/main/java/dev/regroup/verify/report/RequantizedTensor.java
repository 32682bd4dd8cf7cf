package dev.regroup.verify.report;

/// What the conversion itself wrote down about a tensor that it quantised anew.
///
/// @param name of the tensor
/// @param error how far its FP8 form is from what was converted: the size of the difference over that
///     of the tensor, not squared
public record RequantizedTensor(String name, double error) {}
