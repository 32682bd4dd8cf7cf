package dev.regroup.runtime.decode;

import dev.regroup.formats.attention.CacheRow;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// {@link DecodeKernel} by the Vector API: scores, softmax and the average, a page's rows one after
/// another.
///
/// VectorLanes are added in a fixed order, so that the interpreter and the compiler agree to the bit.
public final class VectorDecodeKernel implements DecodeKernel {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  @Override
  public float[] attend(float[] query, PagedCache cache, double scale, int window) {
    CacheRow row = cache.row();
    int heads = DecodeKernel.heads(query, cache);
    int first = DecodeKernel.firstSeen(cache, window);
    float[] output = new float[heads * row.value().width()];
    float[] weights = new float[cache.tokens() - first];
    float[] lanes = new float[SPECIES.length()];
    for (int head = 0; head < heads; head++) {
      int state = head / (heads / row.stateHeads()) * row.stateDim();
      score(query, head, cache, first, state, weights, lanes);
      softmax(weights, scale);
      average(weights, cache, first, state, output, head * row.value().width());
    }
    return output;
  }

  private static void score(
      float[] query,
      int head,
      PagedCache cache,
      int first,
      int state,
      float[] scores,
      float[] lanes) {
    CacheRow row = cache.row();
    int at = head * row.queryDim();
    int keys = row.key().width();
    int rope = row.ropeHeads() * row.ropeDim();
    for (int i = 0; i < scores.length; i++) {
      float[] page = cache.page(first + i);
      int start = cache.start(first + i);
      double sum = dot(query, at, page, start + state + row.key().start(), keys, lanes);
      if (rope > 0) {
        int ropeStart = start + row.stateHeads() * row.stateDim();
        sum += dot(query, at + keys, page, ropeStart, rope, lanes);
      }
      scores[i] = (float) sum;
    }
  }

  private static double dot(float[] x, int atX, float[] y, int atY, int width, float[] lanes) {
    int bound = SPECIES.loopBound(width);
    FloatVector sums = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < bound; i += SPECIES.length()) {
      sums =
          FloatVector.fromArray(SPECIES, x, atX + i)
              .fma(FloatVector.fromArray(SPECIES, y, atY + i), sums);
    }
    sums.intoArray(lanes, 0);
    double sum = 0;
    for (float lane : lanes) {
      sum += lane;
    }
    for (; i < width; i++) {
      sum += (double) x[atX + i] * y[atY + i];
    }
    return sum;
  }

  private static void softmax(float[] scores, double scale) {
    float largest = Float.NEGATIVE_INFINITY;
    for (float score : scores) {
      largest = Math.max(largest, score);
    }
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      double e = Math.exp(scale * ((double) scores[i] - largest));
      scores[i] = (float) e;
      sum += e;
    }
    float factor = (float) (1 / sum);
    for (int i = 0; i < scores.length; i++) {
      scores[i] *= factor;
    }
  }

  private static void average(
      float[] weights, PagedCache cache, int first, int state, float[] output, int at) {
    CacheRow row = cache.row();
    int width = row.value().width();
    int bound = SPECIES.loopBound(width);
    for (int t = 0; t < weights.length; t++) {
      float[] page = cache.page(first + t);
      int from = cache.start(first + t) + state + row.value().start();
      FloatVector weight = FloatVector.broadcast(SPECIES, weights[t]);
      int i = 0;
      for (; i < bound; i += SPECIES.length()) {
        FloatVector.fromArray(SPECIES, page, from + i)
            .fma(weight, FloatVector.fromArray(SPECIES, output, at + i))
            .intoArray(output, at + i);
      }
      for (; i < width; i++) {
        output[at + i] = Math.fma(weights[t], page[from + i], output[at + i]);
      }
    }
  }
}
