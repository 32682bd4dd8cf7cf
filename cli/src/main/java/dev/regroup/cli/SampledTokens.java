package dev.regroup.cli;

import java.util.OptionalLong;
import java.util.function.LongUnaryOperator;

/// How much text a source should sample for its own conversion.
///
/// @param statistics tokens for the closed form, where the user gave a number
/// @param fit tokens for the fit, where the user gave a number; 0 where there is no fit
record SampledTokens(OptionalLong statistics, OptionalLong fit) {
  /// What was asked for in numbers, however long it takes; what was not, as far as it is affordable.
  ///
  /// @param defaultStatistics tokens for the closed form by default; `defaultFit` alike
  /// @param affordable of so many tokens at most, those that do not take long
  long of(long defaultStatistics, long defaultFit, LongUnaryOperator affordable) {
    long asked = Math.max(statistics.orElse(0), fit.orElse(0));
    long usual =
        Math.max(statistics.isPresent() ? 0 : defaultStatistics, fit.isPresent() ? 0 : defaultFit);
    return usual <= asked ? asked : Math.max(asked, affordable.applyAsLong(usual));
  }
}
