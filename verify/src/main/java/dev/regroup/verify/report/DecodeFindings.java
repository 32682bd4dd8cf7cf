package dev.regroup.verify.report;

/// Decoding token by token against the same model reading all tokens at once.
///
/// @param source the source against itself
/// @param target the target against itself
/// @param windows sequences decoded
/// @param tokens of each that were given to the decoder
/// @param continuation tokens each model then wrote by itself, greedily
/// @param agreement on average over windows, how many of them both wrote before they parted
public record DecodeFindings(
    Side source, Side target, int windows, int tokens, int continuation, double agreement) {
  /// One model.
  ///
  /// @param maxDifference largest absolute difference of a logit; NaN where one is no number
  /// @param maxLogit largest absolute logit
  /// @param limit what the difference may be
  public record Side(double maxDifference, double maxLogit, double limit) {
    /// Whether the difference keeps within the limit; a NaN does not.
    public boolean holds() {
      return maxDifference <= limit;
    }
  }
}
