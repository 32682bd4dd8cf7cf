package dev.regroup.converters.calibrate;

import dev.regroup.runtime.Parallel;
import java.util.function.IntFunction;

/// Sums over sequences that do not depend on the number of cores: a few sequences are worked on at
/// once, and their shares are added in order.
public final class OrderedSum {
  /// Shares in memory at once.
  private static final int BATCH = 8;

  private OrderedSum() {}

  /// The sum of the shares of items `[0, count)`.
  ///
  /// @param share called once for every item, in any order and by several threads
  public static double[] of(int count, IntFunction<double[]> share) {
    double[] sum = null;
    for (int first = 0; first < count; first += BATCH) {
      int begin = first;
      double[][] shares = new double[Math.min(BATCH, count - first)][];
      Parallel.forEach(shares.length, i -> shares[i] = share.apply(begin + i));
      for (double[] next : shares) {
        sum = sum == null ? next : added(sum, next);
      }
    }
    if (sum == null) {
      throw new IllegalArgumentException("expected at least one item, found " + count);
    }
    return sum;
  }

  private static double[] added(double[] sum, double[] next) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += next[i];
    }
    return sum;
  }
}
