package dev.regroup.verify.measure;

/// A mean over tokens with a standard error that treats windows, not tokens, as independent.
///
/// The mean is `Σ S_i / Σ n_i` over clusters i with sum `S_i` and count `n_i`; its variance is that
/// of a ratio estimator, `m/(m-1) · Σ (S_i - n_i·mean)² / (Σ n_i)²` with m clusters.
///
/// Source: Cochran, Sampling Techniques, 3rd edition, section 2.11 (ratio estimate of a mean).
///
/// @param standardError NaN where fewer than two clusters have tokens
/// @param clusters windows that have tokens
/// @param count tokens
public record ClusteredMean(double mean, double standardError, int clusters, long count) {
  /// The mean of all values.
  ///
  /// @param sums of the values of each cluster
  /// @param counts of the values of each cluster
  public static ClusteredMean of(double[] sums, long[] counts) {
    double sum = 0;
    long count = 0;
    int clusters = 0;
    for (int i = 0; i < sums.length; i++) {
      if (counts[i] > 0) {
        sum += sums[i];
        count += counts[i];
        clusters++;
      }
    }
    double mean = count == 0 ? Double.NaN : sum / count;
    return new ClusteredMean(mean, error(sums, counts, mean, clusters, count), clusters, count);
  }

  private static double error(double[] sums, long[] counts, double mean, int clusters, long count) {
    if (clusters < 2) {
      return Double.NaN;
    }
    double squares = 0;
    for (int i = 0; i < sums.length; i++) {
      double residual = sums[i] - counts[i] * mean;
      squares += counts[i] > 0 ? residual * residual : 0;
    }
    return Math.sqrt(squares * clusters / (clusters - 1.0)) / count;
  }
}
