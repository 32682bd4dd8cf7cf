package dev.regroup.runtime.model;

/// The residual stream's one operation.
public final class Residual {
  private Residual() {}

  /// The sum of two activations of the same shape, as a new array.
  public static float[] sum(float[] stream, float[] update) {
    if (stream.length != update.length) {
      throw new IllegalArgumentException(
          "expected %d elements, found %d".formatted(stream.length, update.length));
    }
    float[] sum = new float[stream.length];
    for (int i = 0; i < sum.length; i++) {
      sum[i] = stream[i] + update[i];
    }
    return sum;
  }
}
