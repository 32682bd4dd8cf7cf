package dev.regroup.verify.measure;

import java.util.List;

/// Sums that say how far one activation is from another.
///
/// @param error `Σ (other - reference)²`
/// @param reference `Σ reference²`
/// @param other `Σ other²`
/// @param dot `Σ reference · other`
public record Deviation(double error, double reference, double other, double dot) {
  /// The deviation of an activation from a reference of the same shape.
  public static Deviation of(float[] reference, float[] other) {
    double error = 0;
    double referenceSquares = 0;
    double otherSquares = 0;
    double dot = 0;
    for (int i = 0; i < reference.length; i++) {
      double r = reference[i];
      double o = other[i];
      error += (o - r) * (o - r);
      referenceSquares += r * r;
      otherSquares += o * o;
      dot += r * o;
    }
    return new Deviation(error, referenceSquares, otherSquares, dot);
  }

  /// The deviation of several activations taken as one, summed in order.
  public static Deviation sum(List<Deviation> parts) {
    double error = 0;
    double reference = 0;
    double other = 0;
    double dot = 0;
    for (Deviation part : parts) {
      error += part.error;
      reference += part.reference;
      other += part.other;
      dot += part.dot;
    }
    return new Deviation(error, reference, other, dot);
  }

  /// `|other - reference|² / |reference|²`; 0 where they are equal, even if both are zero.
  public double relative() {
    return error == 0 ? 0 : error / reference;
  }

  /// The cosine of the angle between them; 1 where they are equal, even if both are zero.
  public double cosine() {
    return error == 0 ? 1 : dot / Math.sqrt(reference * other);
  }
}
