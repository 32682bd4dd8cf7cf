package dev.regroup.verify.measure;

/// A softmax over a logit row, summed up in one pass: exponentials are what scoring spends its time
/// on, so none is computed twice.
///
/// @param logSumExp `ln Σ exp(x)`; not finite where a logit is NaN or +∞, or all are -∞
/// @param meanDifference `Σ p · (x - y)` of the probabilities p and another row y; NaN where a
///     difference is
record Softmax(double logSumExp, double meanDifference) {
  /// Sums over `count` logits from `first`, shifted by their maximum so that no exponential
  /// overflows.
  ///
  /// @param other as many logits at the same place
  static Softmax of(float[] logits, float[] other, int first, int count) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = first; i < first + count; i++) {
      // Math.max passes a NaN on, where `>` would drop it
      max = Math.max(max, logits[i]);
    }
    double sum = 0;
    double differences = 0;
    for (int i = first; i < first + count; i++) {
      double exponential = Math.exp(logits[i] - max);
      sum += exponential;
      differences += exponential * ((double) logits[i] - other[i]);
    }
    return new Softmax(max + Math.log(sum), differences / sum);
  }
}
