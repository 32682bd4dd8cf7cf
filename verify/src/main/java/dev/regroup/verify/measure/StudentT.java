package dev.regroup.verify.measure;

/// Student's t distribution for whole degrees of freedom.
public final class StudentT {
  /// From here on t and normal quantiles differ by less than a part in 10,000.
  private static final int NEARLY_NORMAL = 10_000;

  private StudentT() {}

  /// The value that a t variable stays below with the given probability.
  ///
  /// @param probability in [0.5, 1)
  /// @param degreesOfFreedom at least 1
  public static double quantile(double probability, int degreesOfFreedom) {
    if (!(probability >= 0.5 && probability < 1) || degreesOfFreedom < 1) {
      throw new IllegalArgumentException(
          "expected a probability in [0.5, 1) and at least 1 degree of freedom, found %s and %d"
              .formatted(probability, degreesOfFreedom));
    }
    int df = Math.min(degreesOfFreedom, NEARLY_NORMAL);
    double within = 2 * probability - 1;
    // theta = atan(t / sqrt(df)) maps all t to [0, pi/2), where halving intervals always ends
    double low = 0;
    double high = Math.PI / 2;
    for (int i = 0; i < 100; i++) {
      double middle = (low + high) / 2;
      if (within(middle, df) < within) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return Math.tan((low + high) / 2) * Math.sqrt(df);
  }

  /// P(|T| <= sqrt(df) tan(theta)), a finite series for whole degrees of freedom.
  ///
  /// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
  private static double within(double theta, int df) {
    double cosine = Math.cos(theta);
    boolean odd = df % 2 != 0;
    double term = odd ? cosine : 1;
    double sum = 0;
    for (int k = odd ? 1 : 0; k <= df - 2; k += 2) {
      sum += term;
      term *= cosine * cosine * (k + 1) / (k + 2);
    }
    double series = Math.sin(theta) * sum;
    return odd ? (theta + series) * 2 / Math.PI : series;
  }
}
