package dev.regroup.verify.measure;

import java.util.ArrayList;
import java.util.List;

/// How many values fall into each half decade; values may span many orders of magnitude.
///
/// @param below values under the first bin's lower edge, exact zeros included
/// @param bins ascending
public record Histogram(long below, List<Bin> bins) {
  /// The exponent of ten where the first bin starts.
  private static final int FIRST_DECADE = -9;

  private static final int BINS_PER_DECADE = 2;

  /// From 1e-9 to 1e3: below is rounding, above is no divergence of a vocabulary.
  private static final int BINS = 12 * BINS_PER_DECADE;

  public Histogram {
    bins = List.copyOf(bins);
  }

  /// Values `[lower, upper)`; the last bin takes all above, too.
  public record Bin(double lower, double upper, long count) {}

  /// Counts values; NaNs are left out.
  public static Histogram of(double[] values) {
    long below = 0;
    long[] counts = new long[BINS];
    for (double value : values) {
      if (value < edge(0)) {
        below++;
      } else if (!Double.isNaN(value)) {
        double place = (Math.log10(value) - FIRST_DECADE) * BINS_PER_DECADE;
        counts[(int) Math.min(BINS - 1, Math.max(0, place))]++;
      }
    }
    var bins = new ArrayList<Bin>();
    for (int i = 0; i < BINS; i++) {
      bins.add(new Bin(edge(i), edge(i + 1), counts[i]));
    }
    return new Histogram(below, bins);
  }

  private static double edge(int bin) {
    return Math.pow(10, FIRST_DECADE + (double) bin / BINS_PER_DECADE);
  }
}
