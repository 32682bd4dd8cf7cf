package dev.regroup.converters.write;

/// A file of the output that is complete and forced to the disk.
///
/// @param name relative to the output
/// @param bytes of it
/// @param sha256 of it, in lower-case hexadecimal digits
public record FinishedFile(String name, long bytes, String sha256) {}
