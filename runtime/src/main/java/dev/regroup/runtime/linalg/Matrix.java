package dev.regroup.runtime.linalg;

/// A float64 matrix, row-major: what conversions compute with before the one final rounding.
///
/// @param elements `rows * columns` of them; not copied
public record Matrix(int rows, int columns, double[] elements) {
  public Matrix {
    if (elements.length != rows * columns) {
      throw new IllegalArgumentException(
          "a %d x %d matrix has %d elements, found %d"
              .formatted(rows, columns, rows * columns, elements.length));
    }
  }

  /// A matrix of zeros.
  public static Matrix zeros(int rows, int columns) {
    return new Matrix(rows, columns, new double[rows * columns]);
  }

  /// A float32 array seen as a matrix, copied.
  public static Matrix of(int rows, int columns, float[] elements) {
    double[] copy = new double[elements.length];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = elements[i];
    }
    return new Matrix(rows, columns, copy);
  }

  /// The element at a row and a column.
  public double at(int row, int column) {
    return elements[row * columns + column];
  }

  /// Rounded to float32, row-major.
  public float[] toFloats() {
    float[] floats = new float[elements.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) elements[i];
    }
    return floats;
  }
}
