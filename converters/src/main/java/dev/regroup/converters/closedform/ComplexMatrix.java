package dev.regroup.converters.closedform;

import dev.regroup.runtime.linalg.Matrix;

/// A complex matrix as its real and imaginary parts.
record ComplexMatrix(Matrix real, Matrix imaginary) {
  static ComplexMatrix zeros(int rows, int columns) {
    return new ComplexMatrix(Matrix.zeros(rows, columns), Matrix.zeros(rows, columns));
  }

  int rows() {
    return real.rows();
  }

  int columns() {
    return real.columns();
  }

  ComplexMatrix times(ComplexMatrix other) {
    return new ComplexMatrix(
        real.times(other.real).minus(imaginary.times(other.imaginary)),
        real.times(other.imaginary).plus(imaginary.times(other.real)));
  }

  /// This times the conjugate transpose of `other`.
  ComplexMatrix timesAdjoint(ComplexMatrix other) {
    return new ComplexMatrix(
        real.timesTranspose(other.real).plus(imaginary.timesTranspose(other.imaginary)),
        imaginary.timesTranspose(other.real).minus(real.timesTranspose(other.imaginary)));
  }

  ComplexMatrix plus(ComplexMatrix other) {
    return new ComplexMatrix(real.plus(other.real), imaginary.plus(other.imaginary));
  }

  ComplexMatrix scaled(double factor) {
    return new ComplexMatrix(real.scaled(factor), imaginary.scaled(factor));
  }

  ComplexMatrix conjugate() {
    return new ComplexMatrix(real, imaginary.scaled(-1));
  }

  ComplexMatrix rows(int first, int count) {
    return new ComplexMatrix(real.rows(first, count), imaginary.rows(first, count));
  }

  ComplexMatrix columns(int first, int count) {
    return new ComplexMatrix(real.columns(first, count), imaginary.columns(first, count));
  }

  /// Rows `[first, first + other.rows())` replaced by those of `other`, in place.
  void setRows(int first, ComplexMatrix other) {
    int at = first * columns();
    int length = other.rows() * columns();
    System.arraycopy(other.real.elements(), 0, real.elements(), at, length);
    System.arraycopy(other.imaginary.elements(), 0, imaginary.elements(), at, length);
  }
}
