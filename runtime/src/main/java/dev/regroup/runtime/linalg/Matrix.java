package dev.regroup.runtime.linalg;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

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

  /// The unit matrix.
  public static Matrix identity(int n) {
    Matrix identity = zeros(n, n);
    for (int i = 0; i < n; i++) {
      identity.elements[i * n + i] = 1;
    }
    return identity;
  }

  /// Matrices of equal width, one above the other.
  public static Matrix stack(List<Matrix> parts) {
    int columns = parts.getFirst().columns;
    int rows = 0;
    for (Matrix part : parts) {
      requireEqual("columns", columns, part.columns);
      rows += part.rows;
    }
    Matrix stack = zeros(rows, columns);
    int at = 0;
    for (Matrix part : parts) {
      System.arraycopy(part.elements, 0, stack.elements, at, part.elements.length);
      at += part.elements.length;
    }
    return stack;
  }

  /// Two matrices of equal height, side by side.
  public static Matrix beside(Matrix left, Matrix right) {
    requireEqual("rows", left.rows, right.rows);
    Matrix both = zeros(left.rows, left.columns + right.columns);
    for (int r = 0; r < left.rows; r++) {
      int at = r * both.columns;
      System.arraycopy(left.elements, r * left.columns, both.elements, at, left.columns);
      System.arraycopy(
          right.elements, r * right.columns, both.elements, at + left.columns, right.columns);
    }
    return both;
  }

  /// `this · other`.
  public Matrix times(Matrix other) {
    return product(Form.PLAIN, other, rows, other.columns);
  }

  /// `thisᵀ · other`.
  public Matrix transposeTimes(Matrix other) {
    return product(Form.LEFT_TRANSPOSED, other, columns, other.columns);
  }

  /// `this · otherᵀ`.
  public Matrix timesTranspose(Matrix other) {
    return product(Form.RIGHT_TRANSPOSED, other, rows, other.rows);
  }

  private Matrix product(Form form, Matrix other, int productRows, int productColumns) {
    Matrix product = zeros(productRows, productColumns);
    Products.fast()
        .multiply(
            form, 1, DoubleBlock.of(this), DoubleBlock.of(other), 0, DoubleBlock.of(product));
    return product;
  }

  /// The sum of two matrices of one shape.
  public Matrix plus(Matrix other) {
    return combined(other, 1);
  }

  /// The difference of two matrices of one shape.
  public Matrix minus(Matrix other) {
    return combined(other, -1);
  }

  private Matrix combined(Matrix other, double factor) {
    requireEqual("rows", rows, other.rows);
    requireEqual("columns", columns, other.columns);
    double[] sum = elements.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * other.elements[i];
    }
    return new Matrix(rows, columns, sum);
  }

  /// Every element times a factor.
  public Matrix scaled(double factor) {
    double[] scaled = elements.clone();
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= factor;
    }
    return new Matrix(rows, columns, scaled);
  }

  /// Rows and columns exchanged.
  public Matrix transpose() {
    Matrix transpose = zeros(columns, rows);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        transpose.elements[c * rows + r] = elements[r * columns + c];
      }
    }
    return transpose;
  }

  /// A copy of some rows.
  public Matrix rows(int first, int count) {
    Objects.checkFromIndexSize(first, count, rows);
    return new Matrix(
        count, columns, Arrays.copyOfRange(elements, first * columns, (first + count) * columns));
  }

  /// A copy of some columns.
  public Matrix columns(int first, int count) {
    Objects.checkFromIndexSize(first, count, columns);
    Matrix part = zeros(rows, count);
    for (int r = 0; r < rows; r++) {
      System.arraycopy(elements, r * columns + first, part.elements, r * count, count);
    }
    return part;
  }

  /// The sum of the diagonal of a square matrix.
  public double trace() {
    requireEqual("columns", rows, columns);
    double trace = 0;
    for (int i = 0; i < rows; i++) {
      trace += elements[i * columns + i];
    }
    return trace;
  }

  /// A power of a symmetric positive matrix, its eigenvalues kept above `floor` times the largest.
  public Matrix power(double exponent, double floor) {
    if (rows == 0) {
      return this;
    }
    SymmetricEigen eigen = SymmetricEigen.of(this);
    double least = Math.max(floor * eigen.values()[0], Double.MIN_NORMAL);
    Matrix weighted = zeros(rows, columns);
    for (int c = 0; c < columns; c++) {
      double weight = Math.pow(Math.max(eigen.values()[c], least), exponent);
      for (int r = 0; r < rows; r++) {
        weighted.elements[r * columns + c] = weight * eigen.vectors().at(r, c);
      }
    }
    return weighted.timesTranspose(eigen.vectors());
  }

  /// The root of the sum of squares.
  public double norm() {
    double sum = 0;
    for (double element : elements) {
      sum += element * element;
    }
    return Math.sqrt(sum);
  }

  private static void requireEqual(String what, int expected, int found) {
    if (expected != found) {
      throw new IllegalArgumentException(
          "%s: expected %d, found %d".formatted(what, expected, found));
    }
  }
}
