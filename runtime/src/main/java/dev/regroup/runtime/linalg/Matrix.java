package dev.regroup.runtime.linalg;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// A float64 matrix, row-major: what conversions compute with before the one final rounding.
///
/// Operations make new matrices and change none. Products go through {@link Products#fast}.
///
/// @param elements `rows * columns` of them; not copied
public record Matrix(int rows, int columns, double[] elements) {
  /// Columns computed at a time of a product that is symmetric.
  private static final int SYMMETRIC_BLOCK = 64;

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

  /// The identity of some size.
  public static Matrix identity(int size) {
    Matrix identity = zeros(size, size);
    for (int i = 0; i < size; i++) {
      identity.elements[i * size + i] = 1;
    }
    return identity;
  }

  /// A square matrix with these numbers on its diagonal and zeros elsewhere.
  public static Matrix diagonal(double[] numbers) {
    Matrix diagonal = zeros(numbers.length, numbers.length);
    for (int i = 0; i < numbers.length; i++) {
      diagonal.elements[i * numbers.length + i] = numbers[i];
    }
    return diagonal;
  }

  /// `this · right`.
  public Matrix times(Matrix right) {
    return product(Form.PLAIN, right, zeros(rows, right.columns));
  }

  /// `thisᵀ · right`.
  public Matrix transposeTimes(Matrix right) {
    return product(Form.LEFT_TRANSPOSED, right, zeros(columns, right.columns));
  }

  /// `this · rightᵀ`.
  public Matrix timesTranspose(Matrix right) {
    return product(Form.RIGHT_TRANSPOSED, right, zeros(rows, right.rows));
  }

  /// `thisᵀ · this`, exactly symmetric.
  public Matrix gram() {
    return square(Form.LEFT_TRANSPOSED, zeros(columns, columns));
  }

  /// `this · thisᵀ`, exactly symmetric.
  public Matrix outerGram() {
    return square(Form.RIGHT_TRANSPOSED, zeros(rows, rows));
  }

  private Matrix square(Form form, Matrix result) {
    Products.fast().square(form, DoubleBlock.of(this), DoubleBlock.of(result));
    return result;
  }

  /// `thisᵀ · right` where that is known to be symmetric: what lies right of the diagonal is computed,
  /// in blocks of columns, and mirrored.
  public Matrix symmetricTransposeTimes(Matrix right) {
    requireSameSize(right);
    Matrix result = zeros(columns, columns);
    for (int at = 0; at < columns; at += SYMMETRIC_BLOCK) {
      int wide = Math.min(SYMMETRIC_BLOCK, columns - at);
      Products.fast()
          .multiply(
              Form.LEFT_TRANSPOSED,
              1,
              new DoubleBlock(elements, at, rows, wide, columns),
              new DoubleBlock(right.elements, at, rows, columns - at, columns),
              0,
              new DoubleBlock(result.elements, at * columns + at, wide, columns - at, columns));
    }
    for (int i = 1; i < columns; i++) {
      for (int j = 0; j < i; j++) {
        result.elements[i * columns + j] = result.elements[j * columns + i];
      }
    }
    return result;
  }

  /// Adds `factor · leftᵀ · right` to this matrix.
  public void addTransposeTimes(double factor, Matrix left, Matrix right) {
    Products.fast()
        .multiply(
            Form.LEFT_TRANSPOSED,
            factor,
            DoubleBlock.of(left),
            DoubleBlock.of(right),
            1,
            DoubleBlock.of(this));
  }

  private Matrix product(Form form, Matrix right, Matrix result) {
    Products.fast()
        .multiply(form, 1, DoubleBlock.of(this), DoubleBlock.of(right), 0, DoubleBlock.of(result));
    return result;
  }

  /// The sum.
  public Matrix plus(Matrix other) {
    return combined(1, other);
  }

  /// The difference.
  public Matrix minus(Matrix other) {
    return combined(-1, other);
  }

  private Matrix combined(double factor, Matrix other) {
    requireSameSize(other);
    Matrix result = zeros(rows, columns);
    for (int i = 0; i < elements.length; i++) {
      result.elements[i] = elements[i] + factor * other.elements[i];
    }
    return result;
  }

  private void requireSameSize(Matrix other) {
    if (rows != other.rows || columns != other.columns) {
      throw new IllegalArgumentException(
          "%d x %d and %d x %d differ".formatted(rows, columns, other.rows, other.columns));
    }
  }

  /// Every element times a factor.
  public Matrix scaled(double factor) {
    Matrix result = zeros(rows, columns);
    for (int i = 0; i < elements.length; i++) {
      result.elements[i] = factor * elements[i];
    }
    return result;
  }

  /// Row i times `factors[i]`: `diag(factors) · this`.
  public Matrix rowsScaled(double[] factors) {
    requireCount(factors, rows);
    Matrix result = zeros(rows, columns);
    for (int i = 0; i < elements.length; i++) {
      result.elements[i] = factors[i / columns] * elements[i];
    }
    return result;
  }

  /// Column j times `factors[j]`: `this · diag(factors)`.
  public Matrix columnsScaled(double[] factors) {
    requireCount(factors, columns);
    Matrix result = zeros(rows, columns);
    for (int i = 0; i < elements.length; i++) {
      result.elements[i] = factors[i % columns] * elements[i];
    }
    return result;
  }

  private static void requireCount(double[] factors, int count) {
    if (factors.length != count) {
      throw new IllegalArgumentException(
          "expected %d factors, found %d".formatted(count, factors.length));
    }
  }

  /// The transpose, as a new matrix.
  public Matrix transpose() {
    Matrix result = zeros(columns, rows);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        result.elements[j * rows + i] = elements[i * columns + j];
      }
    }
    return result;
  }

  /// `(this + thisᵀ) / 2`: what rounding has made unsymmetric, made symmetric to the bit.
  public Matrix symmetrised() {
    requireSquare();
    Matrix result = zeros(rows, columns);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j <= i; j++) {
        double mean = (at(i, j) + at(j, i)) / 2;
        result.elements[i * columns + j] = mean;
        result.elements[j * columns + i] = mean;
      }
    }
    return result;
  }

  /// Rows `[first, first + count)`, copied.
  public Matrix rows(int first, int count) {
    Objects.checkFromIndexSize(first, count, rows);
    return new Matrix(
        count, columns, Arrays.copyOfRange(elements, first * columns, (first + count) * columns));
  }

  /// Columns `[first, first + count)`, copied.
  public Matrix columns(int first, int count) {
    Objects.checkFromIndexSize(first, count, columns);
    Matrix result = zeros(rows, count);
    for (int i = 0; i < rows; i++) {
      System.arraycopy(elements, i * columns + first, result.elements, i * count, count);
    }
    return result;
  }

  /// Matrices of one width, one below the other.
  public static Matrix stacked(List<Matrix> parts) {
    int rows = parts.stream().mapToInt(Matrix::rows).sum();
    int columns = parts.isEmpty() ? 0 : parts.getFirst().columns;
    Matrix result = zeros(rows, columns);
    int at = 0;
    for (Matrix part : parts) {
      if (part.columns != columns) {
        throw new IllegalArgumentException(
            "cannot stack %d columns on %d".formatted(part.columns, columns));
      }
      System.arraycopy(part.elements, 0, result.elements, at, part.elements.length);
      at += part.elements.length;
    }
    return result;
  }

  /// Matrices of one height, side by side.
  public static Matrix beside(List<Matrix> parts) {
    return stacked(parts.stream().map(Matrix::transpose).toList()).transpose();
  }

  /// The sum of the products of elements in the same place: the trace of `thisᵀ · other`.
  public double dot(Matrix other) {
    requireSameSize(other);
    double sum = 0;
    for (int i = 0; i < elements.length; i++) {
      sum += elements[i] * other.elements[i];
    }
    return sum;
  }

  /// The sum of the diagonal.
  public double trace() {
    requireSquare();
    double sum = 0;
    for (int i = 0; i < rows; i++) {
      sum += at(i, i);
    }
    return sum;
  }

  /// Whether everything off the diagonal is zero.
  public boolean isDiagonal() {
    requireSquare();
    for (int i = 0; i < elements.length; i++) {
      if (elements[i] != 0 && i % (columns + 1) != 0) {
        return false;
      }
    }
    return true;
  }

  /// The square root of the sum of squares.
  public double frobenius() {
    double squares = 0;
    for (double element : elements) {
      squares += element * element;
    }
    return Math.sqrt(squares);
  }

  void requireSquare() {
    if (rows != columns) {
      throw new IllegalArgumentException(
          "expected a square matrix, found %d x %d".formatted(rows, columns));
    }
  }
}
