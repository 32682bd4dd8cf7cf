package dev.regroup.runtime.cuda.decode;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.decode.PagedCache;
import java.util.stream.IntStream;

/// Attention of one sequence written out twice: in float64, and as plainly as a kernel in the
/// cache's precision would, float32 with queries and weights rounded to BF16 where the cache is.
record Attention(double[] exact, float[] plain) {
  static Attention of(Batch batch, int sequence) {
    DecodeShape shape = batch.shape();
    double[] exact = new double[shape.outputElements()];
    float[] plain = new float[exact.length];
    IntStream.range(0, shape.queryLength() * shape.queryHeads())
        .parallel()
        .forEach(row -> attend(batch, sequence, row, exact, plain));
    return new Attention(exact, plain);
  }

  private static void attend(Batch batch, int sequence, int row, double[] exact, float[] plain) {
    DecodeShape shape = batch.shape();
    CacheRow cacheRow = shape.row();
    PagedCache cache = batch.caches().get(sequence);
    boolean rounds = shape.types().cache() == Precision.BFLOAT16;
    int behind = cache.tokens() - shape.queryLength() + 1 + row / shape.queryHeads();
    int first = shape.window() == 0 ? 0 : Math.max(0, behind - shape.window());
    int state =
        row
            % shape.queryHeads()
            / (shape.queryHeads() / cacheRow.stateHeads())
            * cacheRow.stateDim();
    double[] scores = new double[behind - first];
    float[] plainScores = new float[behind - first];
    float[] query = batch.queries().get(sequence);
    int dim = cacheRow.queryDim();
    for (int t = 0; t < scores.length; t++) {
      float[] page = cache.page(first + t);
      int start = cache.start(first + t);
      double sum = 0;
      float plainSum = 0;
      for (int i = 0; i < dim; i++) {
        float k =
            page[
                i < cacheRow.key().width()
                    ? start + state + cacheRow.key().start() + i
                    : start
                        + cacheRow.stateHeads() * cacheRow.stateDim()
                        + i
                        - cacheRow.key().width()];
        float q = query[row * dim + i];
        sum += (double) q * k;
        plainSum += (rounds ? Batch.rounded(q) : q) * k;
      }
      scores[t] = batch.scale() * sum;
      plainScores[t] = (float) batch.scale() * plainSum;
    }
    average(scores, plainScores, rounds);
    int width = cacheRow.value().width();
    for (int t = 0; t < scores.length; t++) {
      float[] page = cache.page(first + t);
      int from = cache.start(first + t) + state + cacheRow.value().start();
      for (int i = 0; i < width; i++) {
        exact[row * width + i] += scores[t] * page[from + i];
        plain[row * width + i] += plainScores[t] * page[from + i];
      }
    }
  }

  /// Scores become weights: those of the plain twin rounded before they are divided by their sum.
  private static void average(double[] scores, float[] plain, boolean rounds) {
    double largest = Double.NEGATIVE_INFINITY;
    float plainLargest = Float.NEGATIVE_INFINITY;
    for (int t = 0; t < scores.length; t++) {
      largest = Math.max(largest, scores[t]);
      plainLargest = Math.max(plainLargest, plain[t]);
    }
    double sum = 0;
    float plainSum = 0;
    for (int t = 0; t < scores.length; t++) {
      scores[t] = Math.exp(scores[t] - largest);
      sum += scores[t];
      float weight = (float) Math.exp(plain[t] - plainLargest);
      plainSum += weight;
      plain[t] = rounds ? Batch.rounded(weight) : weight;
    }
    for (int t = 0; t < scores.length; t++) {
      scores[t] /= sum;
      plain[t] /= plainSum;
    }
  }
}
