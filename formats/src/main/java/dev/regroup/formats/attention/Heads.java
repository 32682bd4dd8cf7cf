package dev.regroup.formats.attention;

/// Checks shared by the layouts.
final class Heads {
  private Heads() {}

  static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, found " + value);
    }
  }

  static void requireDivides(String part, int parts, String whole, int wholes) {
    requirePositive(part, parts);
    requirePositive(whole, wholes);
    if (wholes % parts != 0) {
      throw new IllegalArgumentException(
          "%s must divide %s=%d, found %d".formatted(part, whole, wholes, parts));
    }
  }

  static void requireRope(int ropeDim, String whole, int wholeDim) {
    if (ropeDim < 0 || ropeDim > wholeDim || ropeDim % 2 != 0) {
      throw new IllegalArgumentException(
          "ropeDim must be even and within [0, %s=%d], found %d"
              .formatted(whole, wholeDim, ropeDim));
    }
  }
}
