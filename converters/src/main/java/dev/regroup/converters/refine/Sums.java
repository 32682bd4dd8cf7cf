package dev.regroup.converters.refine;

/// Sums of floats in eight strands, which a processor adds at once; the order is fixed.
final class Sums {
  private static final int STRANDS = 8;

  private Sums() {}

  /// The sum of elements `[from, from + count)`.
  static float of(float[] elements, int from, int count) {
    float[] strands = new float[STRANDS];
    int whole = count / STRANDS * STRANDS;
    for (int i = 0; i < whole; i += STRANDS) {
      for (int s = 0; s < STRANDS; s++) {
        strands[s] += elements[from + i + s];
      }
    }
    float sum = 0;
    for (int i = whole; i < count; i++) {
      sum += elements[from + i];
    }
    for (float strand : strands) {
      sum += strand;
    }
    return sum;
  }
}
