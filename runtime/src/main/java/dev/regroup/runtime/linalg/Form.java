package dev.regroup.runtime.linalg;

/// Which of two factors is transposed.
public enum Form {
  /// A·B.
  PLAIN,
  /// Aᵀ·B.
  LEFT_TRANSPOSED,
  /// A·Bᵀ, as a linear layer with weights `[out, in]` has it.
  RIGHT_TRANSPOSED;

  /// Checks that the extents of `C = form(A, B)` fit.
  ///
  /// @param a rows and columns of A, and so on
  /// @return the length of the sums
  int inner(Extents a, Extents b, Extents c) {
    Extents left = this == LEFT_TRANSPOSED ? a.transposed() : a;
    Extents right = this == RIGHT_TRANSPOSED ? b.transposed() : b;
    if (left.columns() != right.rows()
        || c.rows() != left.rows()
        || c.columns() != right.columns()) {
      throw new IllegalArgumentException("%s: %s and %s do not give %s".formatted(this, a, b, c));
    }
    return left.columns();
  }

  /// Checks that a matrix can be multiplied by itself so.
  void requireTransposition() {
    if (this == PLAIN) {
      throw new IllegalArgumentException("PLAIN: only a transposed factor makes a square");
    }
  }

  /// Rows and columns.
  record Extents(int rows, int columns) {
    static Extents of(FloatBlock block) {
      return new Extents(block.rows(), block.columns());
    }

    static Extents of(DoubleBlock block) {
      return new Extents(block.rows(), block.columns());
    }

    Extents transposed() {
      return new Extents(columns, rows);
    }

    @Override
    public String toString() {
      return rows + " x " + columns;
    }
  }
}
