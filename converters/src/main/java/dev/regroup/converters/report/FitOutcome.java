package dev.regroup.converters.report;

/// What the fit of one layer did, measured on calibration windows that no step saw.
///
/// @param bestStep the step whose maps were kept; 0 where none was better than the closed form
/// @param before error of the closed form: squared, relative to what the source's sublayer adds, with
///     the errors that earlier layers left counted in
/// @param after the same of what was kept
/// @param ending why the steps ended
public record FitOutcome(int bestStep, double before, double after, Ending ending) {
  /// Why steps end.
  public enum Ending {
    /// All steps were made.
    COMPLETED,
    /// Errors grew beyond all measure; the best maps until then were kept.
    DIVERGED
  }
}
