package dev.regroup.runtime.linalg;

/// Checks before and after a decomposition.
final class Finite {
  private Finite() {}

  static void require(double[] elements) {
    for (int i = 0; i < elements.length; i++) {
      if (!Double.isFinite(elements[i])) {
        throw new ArithmeticException(
            "cannot decompose a matrix whose element %d is %s".formatted(i, elements[i]));
      }
    }
  }

  static void requireConverged(String what, int info) {
    if (info != 0) {
      throw new ArithmeticException("the %s did not converge (%d)".formatted(what, info));
    }
  }
}
