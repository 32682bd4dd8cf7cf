package dev.regroup.verify.judge;

import dev.regroup.verify.measure.Estimate;
import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.Status;
import java.util.Locale;

/// Holds an estimate against a user's limit.
///
/// What the whole text source would give lies, at 95% each, below the upper and above the lower
/// bound: only a bound on the right side of the limit passes, only one on the wrong side fails.
final class Gate {
  private Gate() {}

  static Check atMost(String name, Estimate estimate, double limit, String origin) {
    return check(
        name, estimate, new Side(limit, "at most", estimate.upper(), estimate.lower()), origin);
  }

  static Check atLeast(String name, Estimate estimate, double limit, String origin) {
    // mirrored, so that the bound that must clear the limit is the smaller one
    return check(
        name, estimate, new Side(limit, "at least", -estimate.lower(), -estimate.upper()), origin);
  }

  /// @param careful the bound that must not pass the limit for the check to pass, as something that
  ///     should be small
  /// @param generous the bound that passes the limit where the check fails, likewise
  private record Side(double limit, String words, double careful, double generous) {
    double smallLimit() {
      return words.equals("at most") ? limit : -limit;
    }
  }

  private static Check check(String name, Estimate estimate, Side side, String origin) {
    Status status;
    if (!Double.isFinite(estimate.value())) {
      status = Status.FAIL;
    } else if (side.careful() <= side.smallLimit()) {
      status = Status.PASS;
    } else if (side.generous() > side.smallLimit()) {
      status = Status.FAIL;
    } else {
      status = Status.INCONCLUSIVE;
    }
    String reason =
        "%s, bounds %s and %s; limit %s %s (%s)%s"
            .formatted(
                digits(estimate.value()),
                digits(estimate.lower()),
                digits(estimate.upper()),
                side.words(),
                side.limit(),
                origin,
                status == Status.INCONCLUSIVE ? more(estimate, side.limit()) : "");
    return Check.limited(
        Level.LOGITS.label(),
        name,
        status,
        new Check.Bounded(estimate.value(), side.limit()),
        reason);
  }

  private static String more(Estimate estimate, double limit) {
    if (estimate.windows() < 2) {
      return "; one window has no spread -> give at least two windows of text";
    }
    double more = estimate.tokensToDecide(limit);
    return Double.isFinite(more)
        ? String.format(Locale.ROOT, "; needs about %,d more tokens", twoDigits(more))
        : "; no number of tokens decides a value that is the limit itself";
  }

  private static long twoDigits(double count) {
    double unit = Math.pow(10, Math.max(0, Math.floor(Math.log10(Math.max(1, count))) - 1));
    return (long) (Math.rint(count / unit) * unit);
  }

  private static String digits(double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%.5g", value) : "not a number";
  }
}
