package dev.regroup.verify.report;

/// What one check comes to.
public enum Status {
  /// It holds.
  PASS,
  /// It does not hold.
  FAIL,
  /// The sample is too small to say.
  INCONCLUSIVE,
  /// It was not looked at.
  SKIPPED,
  /// It was measured; nobody gave a limit.
  MEASURED
}
