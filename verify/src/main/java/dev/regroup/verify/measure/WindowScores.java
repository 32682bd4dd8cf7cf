package dev.regroup.verify.measure;

/// The scores of one window's tokens: position `t` holds what both models, having read tokens
/// `0..t`, say of token `t + 1`.
///
/// Filled by one thread, then only read.
public final class WindowScores {
  private final double[] sourceNll;
  private final double[] targetNll;
  private final double[] kl;
  private final double[] confidence;
  private final double[] sharedTop;
  private final boolean[] sameTop;
  private int sourceNotFinite = -1;
  private int targetNotFinite = -1;

  /// Room for a window's positions, one fewer than its tokens.
  public WindowScores(int positions) {
    sourceNll = new double[positions];
    targetNll = new double[positions];
    kl = new double[positions];
    confidence = new double[positions];
    sharedTop = new double[positions];
    sameTop = new boolean[positions];
  }

  /// Keeps the score of one position; positions come in order.
  public void set(int position, TokenScore score) {
    sourceNll[position] = score.sourceNll();
    targetNll[position] = score.targetNll();
    kl[position] = score.kl();
    confidence[position] = score.confidence();
    sharedTop[position] = score.sharedTop();
    sameTop[position] = score.sameTop();
    if (!score.sourceFinite() && sourceNotFinite < 0) {
      sourceNotFinite = position;
    }
    if (!score.targetFinite() && targetNotFinite < 0) {
      targetNotFinite = position;
    }
  }

  /// How many positions there are.
  public int positions() {
    return kl.length;
  }

  /// Nats.
  public double sourceNll(int position) {
    return sourceNll[position];
  }

  /// Nats.
  public double targetNll(int position) {
    return targetNll[position];
  }

  /// ln of the factor by which the target finds the token less likely than the source does.
  public double logRatio(int position) {
    return targetNll[position] - sourceNll[position];
  }

  /// KL(source || target), nats.
  public double kl(int position) {
    return kl[position];
  }

  /// The largest probability of the source.
  public double confidence(int position) {
    return confidence[position];
  }

  /// 1 where both find the same token most likely, else 0.
  public double sameTop(int position) {
    return sameTop[position] ? 1 : 0;
  }

  /// The share of the source's five most likely tokens that are among the target's.
  public double sharedTop(int position) {
    return sharedTop[position];
  }

  /// The first position where a logit of the source was no finite number, or -1.
  public int sourceNotFinite() {
    return sourceNotFinite;
  }

  /// The first position where a logit of the target was no finite number, or -1.
  public int targetNotFinite() {
    return targetNotFinite;
  }
}
