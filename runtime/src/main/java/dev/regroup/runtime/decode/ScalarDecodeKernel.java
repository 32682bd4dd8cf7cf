package dev.regroup.runtime.decode;

import dev.regroup.formats.attention.CacheRow;
import java.util.Arrays;

/// The definition of {@link DecodeKernel}: plain loops, float64 inside, rounded once.
public final class ScalarDecodeKernel implements DecodeKernel {
  @Override
  public float[] attend(float[] query, PagedCache cache, double scale, int window) {
    CacheRow row = cache.row();
    int heads = DecodeKernel.heads(query, cache);
    int first = DecodeKernel.firstSeen(cache, window);
    float[] output = new float[heads * row.value().width()];
    double[] weights = new double[cache.tokens() - first];
    for (int head = 0; head < heads; head++) {
      int state = head / (heads / row.stateHeads()) * row.stateDim();
      for (int i = 0; i < weights.length; i++) {
        weights[i] = scale * score(query, head, cache, first + i, state);
      }
      softmax(weights);
      for (int j = 0; j < row.value().width(); j++) {
        double sum = 0;
        for (int i = 0; i < weights.length; i++) {
          int at = cache.start(first + i) + state + row.value().start() + j;
          sum += weights[i] * cache.page(first + i)[at];
        }
        output[head * row.value().width() + j] = (float) sum;
      }
    }
    return output;
  }

  private static double score(float[] query, int head, PagedCache cache, int token, int state) {
    CacheRow row = cache.row();
    float[] page = cache.page(token);
    int start = cache.start(token);
    int at = head * row.queryDim();
    double sum = 0;
    for (int i = 0; i < row.key().width(); i++) {
      sum += (double) query[at + i] * page[start + state + row.key().start() + i];
    }
    int rope = start + row.stateHeads() * row.stateDim();
    for (int i = 0; i < row.ropeHeads() * row.ropeDim(); i++) {
      sum += (double) query[at + row.key().width() + i] * page[rope + i];
    }
    return sum;
  }

  private static void softmax(double[] scores) {
    double largest = Arrays.stream(scores).max().orElse(0);
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      scores[i] = Math.exp(scores[i] - largest);
      sum += scores[i];
    }
    for (int i = 0; i < scores.length; i++) {
      scores[i] /= sum;
    }
  }
}
