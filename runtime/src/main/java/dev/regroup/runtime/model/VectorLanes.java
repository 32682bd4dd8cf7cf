package dev.regroup.runtime.model;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Vector arithmetic with the same bits in the interpreter and in compiled code.
final class VectorLanes {
  private static final float LOG2_E = (float) (1 / Math.log(2));
  // ln 2 in two parts, the first with zeros at its end so that n times it is exact
  private static final float LN2_HIGH = 355f / 512;
  private static final float LN2_LOW = (float) (Math.log(2) - 355.0 / 512);
  // 1.5 * 2^23: adding and subtracting it rounds to the nearest integer
  private static final float ROUND = 12582912f;
  private static final float LOWEST = -87f;
  private static final float HIGHEST = 88f;
  // 1/7!, 1/6!, ... 1/1!, 1
  private static final float[] TAYLOR = {
    1f / 5040, 1f / 720, 1f / 120, 1f / 24, 1f / 6, 1f / 2, 1, 1
  };

  private VectorLanes() {}

  /// The sum of all lanes, from the first to the last.
  static double sum(FloatVector v) {
    double sum = 0;
    for (float lane : v.toArray()) {
      sum += lane;
    }
    return sum;
  }

  /// e^x to about 2 units in the last place; arguments below -87 give e^-87, about 1.6e-38, and
  /// those above 88 e^88.
  ///
  /// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 7, whose remainder
  /// is below 6e-9; 2^n by the exponent bits.
  static FloatVector exp(FloatVector x) {
    FloatVector clamped = x.max(LOWEST).min(HIGHEST);
    FloatVector n = clamped.mul(LOG2_E).add(ROUND).sub(ROUND);
    FloatVector r = n.fma(broadcast(n, -LN2_HIGH), clamped);
    r = n.fma(broadcast(n, -LN2_LOW), r);
    FloatVector power = broadcast(r, TAYLOR[0]);
    for (int i = 1; i < TAYLOR.length; i++) {
      power = power.fma(r, broadcast(r, TAYLOR[i]));
    }
    IntVector exponent = (IntVector) n.convert(VectorOperators.F2I, 0);
    FloatVector scale = exponent.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    return power.mul(scale);
  }

  private static FloatVector broadcast(FloatVector like, float value) {
    return FloatVector.broadcast(like.species(), value);
  }
}
