package dev.regroup.converters.closedform;

/// The leading eigenpair of `Z·S·Zᴴ`, found by power iteration without forming the product.
///
/// @param value the eigenvalue
/// @param vector its eigenvector as a row, of length 1, its largest component real and positive
record TopComponent(double value, ComplexMatrix vector) {
  private static final int MAX_ITERATIONS = 200;
  private static final double TOLERANCE = 1e-10;

  /// @param z `[n, n]`
  /// @param s `[n, n]`, Hermitian and positive
  static TopComponent of(ComplexMatrix z, ComplexMatrix s) {
    ComplexMatrix product = z.times(s).timesAdjoint(z);
    int n = product.rows();
    double[] re = new double[n];
    double[] im = new double[n];
    int start = largestDiagonal(product);
    re[start] = 1;
    double value = 0;
    for (int iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
      double[] nextRe = new double[n];
      double[] nextIm = new double[n];
      apply(product, re, im, nextRe, nextIm);
      double norm = norm(nextRe, nextIm);
      if (norm == 0) {
        break;
      }
      double change = 0;
      for (int i = 0; i < n; i++) {
        nextRe[i] /= norm;
        nextIm[i] /= norm;
        change = Math.max(change, Math.hypot(nextRe[i] - re[i], nextIm[i] - im[i]));
      }
      re = nextRe;
      im = nextIm;
      value = norm;
      if (change < TOLERANCE) {
        break;
      }
    }
    return new TopComponent(value, fixedPhase(re, im));
  }

  private static int largestDiagonal(ComplexMatrix matrix) {
    int n = matrix.rows();
    int largest = 0;
    for (int i = 1; i < n; i++) {
      if (matrix.real().at(i, i) > matrix.real().at(largest, largest)) {
        largest = i;
      }
    }
    return largest;
  }

  private static void apply(
      ComplexMatrix matrix, double[] re, double[] im, double[] outRe, double[] outIm) {
    int n = re.length;
    double[] real = matrix.real().elements();
    double[] imaginary = matrix.imaginary().elements();
    for (int i = 0; i < n; i++) {
      double sumRe = 0;
      double sumIm = 0;
      for (int j = 0; j < n; j++) {
        double a = real[i * n + j];
        double b = imaginary[i * n + j];
        sumRe += a * re[j] - b * im[j];
        sumIm += a * im[j] + b * re[j];
      }
      outRe[i] = sumRe;
      outIm[i] = sumIm;
    }
  }

  private static double norm(double[] re, double[] im) {
    double sum = 0;
    for (int i = 0; i < re.length; i++) {
      sum += re[i] * re[i] + im[i] * im[i];
    }
    return Math.sqrt(sum);
  }

  private static ComplexMatrix fixedPhase(double[] re, double[] im) {
    int largest = 0;
    double size = 0;
    for (int i = 0; i < re.length; i++) {
      // a later component must be clearly larger, so that rounding does not choose
      if (Math.hypot(re[i], im[i]) > size * (1 + 1e-9)) {
        size = Math.hypot(re[i], im[i]);
        largest = i;
      }
    }
    double cos = size == 0 ? 1 : re[largest] / size;
    double sin = size == 0 ? 0 : -im[largest] / size;
    ComplexMatrix row = ComplexMatrix.zeros(1, re.length);
    for (int i = 0; i < re.length; i++) {
      row.real().elements()[i] = re[i] * cos - im[i] * sin;
      row.imaginary().elements()[i] = re[i] * sin + im[i] * cos;
    }
    return row;
  }
}
