package dev.regroup.verify.measure;

/// A measured value and how far the truth about the text's source may lie from it.
///
/// @param standardError of the value; NaN where one window gives no spread
/// @param lower the truth lies above this with the given confidence (one-sided)
/// @param upper the truth lies below this with the given confidence (one-sided)
/// @param windows clusters behind it
/// @param tokens behind it
public record Estimate(
    double value, double standardError, double lower, double upper, int windows, long tokens) {
  /// How sure each one-sided bound is.
  public static final double CONFIDENCE = 0.95;

  /// The normal quantile of {@link #CONFIDENCE}.
  private static final double Z = 1.6448536269514722;

  /// A mean with Student-t bounds, one degree of freedom fewer than windows.
  public static Estimate ofMean(ClusteredMean mean) {
    double margin = margin(mean);
    return new Estimate(
        mean.mean(),
        mean.standardError(),
        mean.mean() - margin,
        mean.mean() + margin,
        mean.clusters(),
        mean.count());
  }

  /// The exponential of a mean logarithm, such as a ratio of perplexities: bounds are mapped, the
  /// standard error is that of the logarithm times the value (delta method).
  public static Estimate ofExponential(ClusteredMean logarithm) {
    double margin = margin(logarithm);
    double value = Math.exp(logarithm.mean());
    return new Estimate(
        value,
        value * logarithm.standardError(),
        Math.exp(logarithm.mean() - margin),
        Math.exp(logarithm.mean() + margin),
        logarithm.clusters(),
        logarithm.count());
  }

  /// A share of tokens. Each bound is the more careful one of Student's t over windows and Wilson's
  /// score over tokens: where every token agrees, windows have no spread, yet a finite sample
  /// cannot prove that all do.
  ///
  /// Source: Wilson, J. Am. Stat. Assoc. 22 (1927) 209, without continuity correction.
  public static Estimate ofShare(ClusteredMean share) {
    double margin = margin(share);
    double p = share.mean();
    double n = share.count();
    double centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n);
    double half = Z / (1 + Z * Z / n) * Math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n));
    return new Estimate(
        p,
        share.standardError(),
        Math.max(0, Math.min(p - margin, centre - half)),
        Math.min(1, Math.max(p + margin, centre + half)),
        share.clusters(),
        share.count());
  }

  /// About how many more tokens would put a bound on this side of the limit, if value and spread
  /// stay as they are: a standard error shrinks with the root of the tokens.
  ///
  /// @return infinite where the value is the limit or its spread is not known
  public double tokensToDecide(double limit) {
    double distance = Math.abs(limit - value);
    double margin = limit > value ? upper - value : value - lower;
    if (!(distance > 0) || Double.isNaN(margin)) {
      return Double.POSITIVE_INFINITY;
    }
    double ratio = margin / distance;
    return Math.max(0, Math.ceil(tokens * (ratio * ratio - 1)));
  }

  private static double margin(ClusteredMean mean) {
    return mean.clusters() < 2
        ? Double.NaN
        : StudentT.quantile(CONFIDENCE, mean.clusters() - 1) * mean.standardError();
  }
}
