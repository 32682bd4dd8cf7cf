package dev.regroup.verify.report;

/// What a verification comes to.
public enum Verdict {
  /// Everything asked for was looked at, and all of it holds.
  PASS,
  /// Something does not hold.
  FAIL,
  /// Nothing failed, but something asked for could not be decided or was not looked at.
  INCONCLUSIVE
}
