package dev.regroup.converters.closedform;

import dev.regroup.runtime.linalg.Matrix;

/// How rotations at different frequencies look alike under a distribution of attention distances.
///
/// With `f_a(Δ) = exp(-iΔθ_a)` and expectation over the distances Δ at which a kv head attends:
/// `rho_a = E f_a` is the best constant in its place, and
/// `K_ab = E[conj(f_a) f_b] - conj(rho_a) rho_b` is what is left once a constant stands in for part of
/// it. Source: the design notes' section 3.2.
final class DistanceKernel {
  private final double[] rhoReal;
  private final double[] rhoImaginary;
  private final Matrix real;
  private final Matrix imaginary;

  /// The kernel of one distribution of distances.
  ///
  /// @param theta radians per token of every frequency
  /// @param mass attention mass by distance, summing to 1
  DistanceKernel(double[] theta, double[] mass) {
    Matrix cosines = Matrix.zeros(theta.length, mass.length);
    Matrix sines = Matrix.zeros(theta.length, mass.length);
    rhoReal = new double[theta.length];
    rhoImaginary = new double[theta.length];
    for (int a = 0; a < theta.length; a++) {
      for (int distance = 0; distance < mass.length; distance++) {
        double root = Math.sqrt(mass[distance]);
        int at = a * mass.length + distance;
        cosines.elements()[at] = root * Math.cos(theta[a] * distance);
        sines.elements()[at] = root * Math.sin(theta[a] * distance);
        rhoReal[a] += root * cosines.elements()[at];
        rhoImaginary[a] -= root * sines.elements()[at];
      }
    }
    real = cosines.timesTranspose(cosines).plus(sines.timesTranspose(sines));
    imaginary = sines.timesTranspose(cosines).minus(cosines.timesTranspose(sines));
    for (int a = 0; a < theta.length; a++) {
      for (int b = 0; b < theta.length; b++) {
        int at = a * theta.length + b;
        real.elements()[at] -= rhoReal[a] * rhoReal[b] + rhoImaginary[a] * rhoImaginary[b];
        imaginary.elements()[at] -= rhoReal[a] * rhoImaginary[b] - rhoImaginary[a] * rhoReal[b];
      }
    }
  }

  /// How many frequencies it compares.
  int frequencies() {
    return rhoReal.length;
  }

  double rhoReal(int frequency) {
    return rhoReal[frequency];
  }

  double rhoImaginary(int frequency) {
    return rhoImaginary[frequency];
  }

  double real(int a, int b) {
    return real.at(a, b);
  }

  double imaginary(int a, int b) {
    return imaginary.at(a, b);
  }

  /// K_aa, kept above zero: what a constant cannot represent of frequency a.
  double own(int a) {
    return Math.max(1e-9, real.at(a, a));
  }
}
