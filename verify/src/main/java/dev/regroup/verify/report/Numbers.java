package dev.regroup.verify.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/// Numbers for people.
final class Numbers {
  private Numbers() {}

  /// Four significant digits, plain where that is short, else with an exponent; `-` for no number.
  static String of(double value) {
    if (!Double.isFinite(value)) {
      return "-";
    }
    double size = Math.abs(value);
    if (size != 0 && (size < 1e-3 || size >= 1e6)) {
      return String.format(Locale.ROOT, "%.2e", value);
    }
    int decimals = size >= 1000 ? 1 : size >= 100 ? 2 : size >= 10 ? 3 : 4;
    return value == Math.rint(value) && size < 1e6
        ? Long.toString((long) value)
        : String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /// A round number, as short as it can be.
  static String round(double value) {
    if (!Double.isFinite(value)) {
      return "-";
    }
    double size = Math.abs(value);
    if (size != 0 && (size < 1e-3 || size >= 1e6)) {
      return String.format(Locale.ROOT, "%.1e", value);
    }
    return new BigDecimal(value).round(new MathContext(4)).stripTrailingZeros().toPlainString();
  }

  /// A share as a percentage with two digits behind the point.
  static String percent(double share) {
    return Double.isFinite(share) ? String.format(Locale.ROOT, "%.2f%%", 100 * share) : "-";
  }

  /// A count with thin groups of three digits.
  static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }
}
