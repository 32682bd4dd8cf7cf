package dev.regroup.runtime.model;

import dev.regroup.formats.architecture.Routing;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Chooses experts for tokens and weighs them, as {@link Routing}'s table has it. Of equal scores
/// the lower index wins.
///
/// @param gate `[experts, D]`
/// @param correctionBias `[experts]`, added for the choice alone
record Router(Routing routing, Linear gate, float @Nullable [] correctionBias) {
  /// The choice for some tokens.
  ///
  /// @param experts `[tokens, expertsPerToken]`, best first
  /// @param weights of the same shape
  record Choice(int[] experts, float[] weights) {}

  Choice choose(Operations operations, float[] x, int tokens) {
    float[] logits = operations.linear(gate, x, tokens);
    int experts = gate.out();
    int perToken = routing.expertsPerToken();
    int[] chosen = new int[tokens * perToken];
    float[] weights = new float[tokens * perToken];
    for (int token = 0; token < tokens; token++) {
      double[] scores = scores(logits, token * experts);
      double[] preference = preference(scores);
      double sum = 0;
      for (int k = 0; k < perToken; k++) {
        int best = best(preference);
        preference[best] = Double.NEGATIVE_INFINITY;
        chosen[token * perToken + k] = best;
        sum += scores[best];
      }
      double scale = routing.scale() / (routing.normalise() ? sum + 1e-20 : 1);
      for (int k = 0; k < perToken; k++) {
        weights[token * perToken + k] = (float) (scores[chosen[token * perToken + k]] * scale);
      }
    }
    return new Choice(chosen, weights);
  }

  private double[] scores(float[] logits, int start) {
    double[] scores = new double[gate.out()];
    if (routing.sigmoid()) {
      Arrays.setAll(scores, e -> 1 / (1 + Math.exp(-(double) logits[start + e])));
      return scores;
    }
    double largest = Double.NEGATIVE_INFINITY;
    for (int e = 0; e < scores.length; e++) {
      largest = Math.max(largest, logits[start + e]);
    }
    double sum = 0;
    for (int e = 0; e < scores.length; e++) {
      scores[e] = Math.exp(logits[start + e] - largest);
      sum += scores[e];
    }
    for (int e = 0; e < scores.length; e++) {
      scores[e] /= sum;
    }
    return scores;
  }

  /// What experts are ranked by: the scores, corrected, and below all others outside the best
  /// groups.
  private double[] preference(double[] scores) {
    double[] preference = scores.clone();
    if (correctionBias != null) {
      for (int e = 0; e < preference.length; e++) {
        preference[e] += correctionBias[e];
      }
    }
    if (routing.groups() <= 1 || routing.groupsPerToken() >= routing.groups()) {
      return preference;
    }
    int size = preference.length / routing.groups();
    double[] groups = new double[routing.groups()];
    Arrays.setAll(groups, group -> groupScore(preference, group * size, size));
    double[] limited = new double[preference.length];
    // transformers fills with 0 below softmax scores and with -inf below corrected sigmoids; no
    // softmax score is below 0, so that -inf chooses the same experts
    Arrays.fill(limited, Double.NEGATIVE_INFINITY);
    for (int k = 0; k < routing.groupsPerToken(); k++) {
      int best = best(groups);
      groups[best] = Double.NEGATIVE_INFINITY;
      System.arraycopy(preference, best * size, limited, best * size, size);
    }
    return limited;
  }

  /// A softmax group is as good as its best expert, a sigmoid group as its two best together.
  private double groupScore(double[] preference, int start, int size) {
    double first = Double.NEGATIVE_INFINITY;
    double second = Double.NEGATIVE_INFINITY;
    for (int e = start; e < start + size; e++) {
      if (preference[e] > first) {
        second = first;
        first = preference[e];
      } else if (preference[e] > second) {
        second = preference[e];
      }
    }
    return routing.sigmoid() && size > 1 ? first + second : first;
  }

  private static int best(double[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[best]) {
        best = i;
      }
    }
    return best;
  }
}
