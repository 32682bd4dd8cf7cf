package dev.regroup.verify.report;

import java.util.OptionalDouble;

/// One thing that was looked at.
///
/// @param level the label of a {@link Level}, or `controls`
/// @param name what was checked, a few words; unique within a report
/// @param value what was measured, where that is a number
/// @param limit what it was held against, where there is one
/// @param reason one sentence; says why a check was skipped, failed or undecided
public record Check(
    String level,
    String name,
    Status status,
    OptionalDouble value,
    OptionalDouble limit,
    String reason) {
  /// The level of checks on the instrument itself.
  public static final String CONTROLS = "controls";

  /// A check without numbers.
  public static Check of(String level, String name, Status status, String reason) {
    return new Check(level, name, status, OptionalDouble.empty(), OptionalDouble.empty(), reason);
  }

  /// Something measured that nobody set a limit to.
  public static Check measured(String level, String name, double value, String reason) {
    return new Check(
        level, name, Status.MEASURED, OptionalDouble.of(value), OptionalDouble.empty(), reason);
  }

  /// A number held against a limit.
  public static Check limited(
      String level, String name, Status status, Bounded bounded, String reason) {
    return new Check(
        level,
        name,
        status,
        OptionalDouble.of(bounded.value()),
        OptionalDouble.of(bounded.limit()),
        reason);
  }

  /// A value and its limit.
  public record Bounded(double value, double limit) {}
}
