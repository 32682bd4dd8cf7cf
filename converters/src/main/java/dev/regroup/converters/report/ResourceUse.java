package dev.regroup.converters.report;

/// What a conversion took.
///
/// @param seconds from first to last byte
/// @param peakHeapBytes the most that lay on the heap, garbage included
/// @param spilledBytes activations that lay in a temporary file
public record ResourceUse(double seconds, long peakHeapBytes, long spilledBytes) {}
