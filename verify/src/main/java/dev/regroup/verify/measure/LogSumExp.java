package dev.regroup.verify.measure;

/// The logarithm of a softmax's denominator.
public final class LogSumExp {
  private LogSumExp() {}

  /// `ln Σ exp(x)` over `count` logits from `first`, shifted by their maximum so that no exponential
  /// overflows. Not finite where a logit is NaN or +∞, or all are -∞.
  public static double of(float[] logits, int first, int count) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = first; i < first + count; i++) {
      // Math.max passes a NaN on, where `>` would drop it
      max = Math.max(max, logits[i]);
    }
    double sum = 0;
    for (int i = first; i < first + count; i++) {
      sum += Math.exp(logits[i] - max);
    }
    return max + Math.log(sum);
  }
}
