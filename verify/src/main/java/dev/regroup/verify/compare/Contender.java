package dev.regroup.verify.compare;

/// A model that runs in lock step with the source.
///
/// @param windows how many of the windows it reads, from the first
public record Contender(Subject subject, int windows) {}
