package dev.regroup.verify.measure;

import java.util.Arrays;

/// Order statistics of a set of values.
///
/// @param sorted ascending, NaNs last; not copied
public record Percentiles(double[] sorted) {
  /// Sorts a copy of some values.
  public static Percentiles of(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return new Percentiles(sorted);
  }

  /// The value below which `percent` percent lie, interpolated between neighbours (type 7 of
  /// Hyndman and Fan, as in R and numpy); NaN where there are no values.
  ///
  /// @param percent in [0, 100]
  public double at(double percent) {
    if (sorted.length == 0) {
      return Double.NaN;
    }
    double rank = percent / 100 * (sorted.length - 1);
    int below = (int) Math.floor(rank);
    int above = Math.min(below + 1, sorted.length - 1);
    double fraction = rank - below;
    // not `a + f * (b - a)` alone: two infinities would give NaN
    return fraction == 0
        ? sorted[below]
        : sorted[below] * (1 - fraction) + sorted[above] * fraction;
  }

  /// The largest value.
  public double max() {
    return at(100);
  }
}
