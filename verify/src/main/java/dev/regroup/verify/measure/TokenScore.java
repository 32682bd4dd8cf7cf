package dev.regroup.verify.measure;

/// What a source's and a target's logits for the same next token say.
///
/// @param sourceNll negative log-probability that the source gives the token that follows, nats
/// @param targetNll the same of the target
/// @param kl KL(source || target) over the vocabulary, nats; exactly 0 for equal logits
/// @param confidence the largest probability of the source
/// @param sameTop whether both find the same token most likely
/// @param sharedTop the share of the source's five most likely tokens that are among the target's
/// @param sourceFinite whether the source's logits were all numbers
/// @param targetFinite whether the target's logits were all numbers
public record TokenScore(
    double sourceNll,
    double targetNll,
    double kl,
    double confidence,
    boolean sameTop,
    double sharedTop,
    boolean sourceFinite,
    boolean targetFinite) {
  private static final int TOP = 5;

  /// Compares row `row` of two logit tiles `[rows, vocabulary]`.
  ///
  /// @param next the token that follows
  public static TokenScore of(float[] source, float[] target, int row, int vocabulary, int next) {
    int first = row * vocabulary;
    Softmax sourceSoftmax = Softmax.of(source, target, first, vocabulary);
    Softmax targetSoftmax = Softmax.of(target, source, first, vocabulary);
    double sourceLse = sourceSoftmax.logSumExp();
    double targetLse = targetSoftmax.logSumExp();
    int[] sourceTop = TopTokens.of(source, first, vocabulary, TOP);
    int[] targetTop = TopTokens.of(target, first, vocabulary, TOP);
    return new TokenScore(
        sourceLse - source[first + next],
        targetLse - target[first + next],
        kl(sourceSoftmax, targetSoftmax),
        Math.exp(source[first + sourceTop[0]] - sourceLse),
        sourceTop[0] == targetTop[0],
        (double) TopTokens.shared(sourceTop, targetTop) / sourceTop.length,
        finite(source, first, vocabulary),
        finite(target, first, vocabulary));
  }

  /// `Σ p (ln p - ln q)`, where `ln p = source - lse(source)` and `ln q = target - lse(target)`.
  private static double kl(Softmax source, Softmax target) {
    double kl = source.meanDifference() + (target.logSumExp() - source.logSumExp());
    // a divergence is never negative: what lies below 0 is the rounding of these sums
    return kl < 0 ? 0 : kl;
  }

  private static boolean finite(float[] logits, int first, int count) {
    for (int i = first; i < first + count; i++) {
      if (!Float.isFinite(logits[i])) {
        return false;
      }
    }
    return true;
  }
}
