package dev.regroup.cli;

/// What the process tells the shell. Stable: scripts depend on these.
final class ExitCode {
  /// It did what was asked; for `verify`, the verdict is PASS.
  static final int OK = 0;

  /// `verify` ran, and the verdict is FAIL.
  static final int NOT_GOOD_ENOUGH = 1;

  /// The command line makes no sense.
  static final int USAGE = 2;

  /// A file is not what it says it is.
  static final int BAD_CHECKPOINT = 3;

  /// Well-formed, but nothing here reads or converts it.
  static final int UNSUPPORTED = 4;

  /// The device asked for is not here, is too old, is out of memory or failed.
  static final int NO_DEVICE = 5;

  /// `verify` ran, and what it saw is not enough for a verdict.
  static final int INCONCLUSIVE = 6;

  /// A file could not be read or written: permissions, a full disk.
  static final int IO = 7;

  /// A bug in Regroup, or too little memory.
  static final int INTERNAL = 70;

  private ExitCode() {}
}
