package dev.regroup.runtime.linalg;

import java.lang.foreign.MemorySegment;

/// {@link Products} by OpenBLAS, on the arrays in place.
///
/// A downcall on a heap array keeps the collector out until it returns, so that long products are
/// cut into pieces of rows; the cuts depend on the extents alone.
public final class OpenBlasProducts implements Products {
  static final OpenBlasProducts INSTANCE = new OpenBlasProducts();

  /// Multiply-adds of one call, about 10 ms in float32.
  private static final long PIECE = 1L << 29;

  private OpenBlasProducts() {}

  @Override
  public void multiply(
      Form form, double scale, FloatBlock a, FloatBlock b, double keep, FloatBlock c) {
    int inner = form.inner(Form.Extents.of(a), Form.Extents.of(b), Form.Extents.of(c));
    if (c.rows() == 0 || c.columns() == 0) {
      return;
    }
    MemorySegment segmentA = MemorySegment.ofArray(a.elements());
    MemorySegment segmentB =
        MemorySegment.ofArray(b.elements()).asSlice((long) b.offset() * Float.BYTES);
    MemorySegment segmentC = MemorySegment.ofArray(c.elements());
    int step = piece(inner, c.columns());
    for (int row = 0; row < c.rows(); row += step) {
      long skip = a.offset() + (long) row * (form == Form.LEFT_TRANSPOSED ? 1 : a.stride());
      long at = c.offset() + (long) row * c.stride();
      OpenBlas.floatProduct(
          form,
          new OpenBlas.Sizes(Math.min(step, c.rows() - row), c.columns(), inner),
          scale,
          new OpenBlas.Operand(segmentA.asSlice(skip * Float.BYTES), a.stride()),
          new OpenBlas.Operand(segmentB, b.stride()),
          keep,
          new OpenBlas.Operand(segmentC.asSlice(at * Float.BYTES), c.stride()));
    }
  }

  @Override
  public void multiply(
      Form form, double scale, DoubleBlock a, DoubleBlock b, double keep, DoubleBlock c) {
    int inner = form.inner(Form.Extents.of(a), Form.Extents.of(b), Form.Extents.of(c));
    if (c.rows() == 0 || c.columns() == 0) {
      return;
    }
    MemorySegment segmentA = MemorySegment.ofArray(a.elements());
    MemorySegment segmentB =
        MemorySegment.ofArray(b.elements()).asSlice((long) b.offset() * Double.BYTES);
    MemorySegment segmentC = MemorySegment.ofArray(c.elements());
    int step = piece(inner, c.columns());
    for (int row = 0; row < c.rows(); row += step) {
      long skip = a.offset() + (long) row * (form == Form.LEFT_TRANSPOSED ? 1 : a.stride());
      long at = c.offset() + (long) row * c.stride();
      OpenBlas.doubleProduct(
          form,
          new OpenBlas.Sizes(Math.min(step, c.rows() - row), c.columns(), inner),
          scale,
          new OpenBlas.Operand(segmentA.asSlice(skip * Double.BYTES), a.stride()),
          new OpenBlas.Operand(segmentB, b.stride()),
          keep,
          new OpenBlas.Operand(segmentC.asSlice(at * Double.BYTES), c.stride()));
    }
  }

  @Override
  public void square(Form form, DoubleBlock a, DoubleBlock c) {
    form.requireTransposition();
    int inner = form.inner(Form.Extents.of(a), Form.Extents.of(a), Form.Extents.of(c));
    if ((long) inner * c.rows() * c.columns() > 2 * PIECE) {
      multiply(form, 1, a, a, 0, c); // in pieces: the collector must not wait for it
    } else if (c.rows() > 0) {
      OpenBlas.upperSquare(
          form,
          new OpenBlas.Sizes(c.rows(), c.columns(), inner),
          new OpenBlas.Operand(at(a), a.stride()),
          new OpenBlas.Operand(at(c), c.stride()));
    }
    for (int i = 1; i < c.rows(); i++) {
      for (int j = 0; j < i; j++) {
        c.elements()[c.offset() + i * c.stride() + j] =
            c.elements()[c.offset() + j * c.stride() + i];
      }
    }
  }

  @Override
  public void square(Form form, FloatBlock a, FloatBlock c) {
    form.requireTransposition();
    int inner = form.inner(Form.Extents.of(a), Form.Extents.of(a), Form.Extents.of(c));
    if ((long) inner * c.rows() * c.columns() > 2 * PIECE) {
      multiply(form, 1, a, a, 0, c);
    } else if (c.rows() > 0) {
      OpenBlas.upperFloatSquare(
          form,
          new OpenBlas.Sizes(c.rows(), c.columns(), inner),
          new OpenBlas.Operand(at(a), a.stride()),
          new OpenBlas.Operand(at(c), c.stride()));
    }
    for (int i = 1; i < c.rows(); i++) {
      for (int j = 0; j < i; j++) {
        c.elements()[c.offset() + i * c.stride() + j] =
            c.elements()[c.offset() + j * c.stride() + i];
      }
    }
  }

  private static MemorySegment at(FloatBlock block) {
    return MemorySegment.ofArray(block.elements()).asSlice((long) block.offset() * Float.BYTES);
  }

  private static MemorySegment at(DoubleBlock block) {
    return MemorySegment.ofArray(block.elements()).asSlice((long) block.offset() * Double.BYTES);
  }

  private static int piece(int inner, int columns) {
    long rows = PIECE / Math.max(1, (long) inner * columns);
    return (int) Math.max(64, Math.min(rows, Integer.MAX_VALUE));
  }
}
