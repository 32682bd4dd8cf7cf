package dev.regroup.converters.closedform;

import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.HermitianEigen;
import dev.regroup.runtime.linalg.Matrix;

/// Second moments of rotated pairs in complex form: pair l of a head is `first + i·second`, which RoPE
/// multiplies by `exp(i·position·θ_l)`.
final class KeyMoments {
  /// Eigenvalues up to this are those of a moment that is zero: of a layer that does nothing.
  static final double NOTHING = 1e-60;

  private KeyMoments() {}

  /// E[k kᴴ] over the pairs of all kv heads, `[G·d/2, G·d/2]`.
  ///
  /// @param states second moment of keys then values, `[2·G·d, 2·G·d]`
  static ComplexMatrix keys(Gqa gqa, Rope rope, Matrix states) {
    int pairs = gqa.headDim() / 2;
    int[] first = new int[gqa.kvHeads() * pairs];
    int[] second = new int[first.length];
    for (int i = 0; i < first.length; i++) {
      int base = i / pairs * gqa.headDim();
      first[i] = base + rope.first(i % pairs);
      second[i] = base + rope.second(i % pairs);
    }
    return complex(states, first, second);
  }

  /// E[q qᴴ] over the pairs of one query head, `[d/2, d/2]`.
  static ComplexMatrix query(Rope rope, Matrix queries) {
    int[] first = new int[rope.dim() / 2];
    int[] second = new int[first.length];
    for (int i = 0; i < first.length; i++) {
      first[i] = rope.first(i);
      second[i] = rope.second(i);
    }
    return complex(queries, first, second);
  }

  private static ComplexMatrix complex(Matrix moment, int[] first, int[] second) {
    int n = first.length;
    ComplexMatrix complex = ComplexMatrix.zeros(n, n);
    for (int a = 0; a < n; a++) {
      for (int b = 0; b < n; b++) {
        complex.real().elements()[a * n + b] =
            moment.at(first[a], first[b]) + moment.at(second[a], second[b]);
        complex.imaginary().elements()[a * n + b] =
            moment.at(second[a], first[b]) - moment.at(first[a], second[b]);
      }
    }
    return complex;
  }

  /// The power of a Hermitian positive matrix, its eigenvalues kept above `floor` times the largest; zero
  /// for a matrix that is zero, whatever the power.
  static ComplexMatrix power(ComplexMatrix hermitian, double exponent, double floor) {
    HermitianEigen eigen = HermitianEigen.of(hermitian.real(), hermitian.imaginary());
    int n = hermitian.rows();
    double least = floor * eigen.values()[0];
    ComplexMatrix vectors = new ComplexMatrix(eigen.real(), eigen.imaginary());
    ComplexMatrix weighted = ComplexMatrix.zeros(n, n);
    for (int column = 0; column < n; column++) {
      double value = Math.max(eigen.values()[column], least);
      double weight = value > NOTHING ? Math.pow(value, exponent) : 0;
      for (int row = 0; row < n; row++) {
        int at = row * n + column;
        weighted.real().elements()[at] = weight * vectors.real().elements()[at];
        weighted.imaginary().elements()[at] = weight * vectors.imaginary().elements()[at];
      }
    }
    return weighted.timesAdjoint(vectors);
  }
}
