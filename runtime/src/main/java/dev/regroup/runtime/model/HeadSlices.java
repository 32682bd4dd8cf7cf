package dev.regroup.runtime.model;

/// The same slice of every head of every row.
///
/// @param heads of a row
/// @param offset of the slice in the row's first head, elements
/// @param headStride from a head to the next, elements
/// @param rowStride from a row to the next, elements
public record HeadSlices(int heads, int offset, int headStride, int rowStride) {}
