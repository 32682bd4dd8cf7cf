package dev.regroup.verify.measure;

/// The most likely tokens of a logit row.
public final class TopTokens {
  private TopTokens() {}

  /// The ids of the `k` largest of `count` logits from `first`, largest first; of equal logits the
  /// smaller id comes first. Fewer where the vocabulary is smaller than `k`.
  public static int[] of(float[] logits, int first, int count, int k) {
    int kept = Math.min(k, count);
    int[] top = new int[kept];
    int filled = 0;
    for (int id = 0; id < count; id++) {
      float logit = logits[first + id];
      if (filled == kept && !(logit > logits[first + top[kept - 1]])) {
        continue;
      }
      int place = filled < kept ? filled++ : kept - 1;
      while (place > 0 && logit > logits[first + top[place - 1]]) {
        top[place] = top[place - 1];
        place--;
      }
      top[place] = id;
    }
    return top;
  }

  /// How many ids two lists share.
  public static int shared(int[] one, int[] other) {
    int shared = 0;
    for (int id : one) {
      for (int candidate : other) {
        if (id == candidate) {
          shared++;
        }
      }
    }
    return shared;
  }
}
