package dev.regroup.runtime.linalg;

/// The definition of {@link Products}: plain loops, float64 sums, rounded once.
public final class ScalarProducts implements Products {
  @Override
  public void multiply(
      Form form, double scale, FloatBlock a, FloatBlock b, double keep, FloatBlock c) {
    int inner = form.inner(Form.Extents.of(a), Form.Extents.of(b), Form.Extents.of(c));
    int rowStepA = form == Form.LEFT_TRANSPOSED ? 1 : a.stride();
    int stepA = form == Form.LEFT_TRANSPOSED ? a.stride() : 1;
    int columnStepB = form == Form.RIGHT_TRANSPOSED ? b.stride() : 1;
    int stepB = form == Form.RIGHT_TRANSPOSED ? 1 : b.stride();
    for (int i = 0; i < c.rows(); i++) {
      for (int j = 0; j < c.columns(); j++) {
        int atA = a.offset() + i * rowStepA;
        int atB = b.offset() + j * columnStepB;
        double sum = 0;
        for (int l = 0; l < inner; l++) {
          sum += (double) a.elements()[atA] * b.elements()[atB];
          atA += stepA;
          atB += stepB;
        }
        int at = c.offset() + i * c.stride() + j;
        double before = keep == 0 ? 0 : keep * c.elements()[at];
        c.elements()[at] = (float) (scale * sum + before);
      }
    }
  }

  @Override
  public void multiply(
      Form form, double scale, DoubleBlock a, DoubleBlock b, double keep, DoubleBlock c) {
    int inner = form.inner(Form.Extents.of(a), Form.Extents.of(b), Form.Extents.of(c));
    int rowStepA = form == Form.LEFT_TRANSPOSED ? 1 : a.stride();
    int stepA = form == Form.LEFT_TRANSPOSED ? a.stride() : 1;
    int columnStepB = form == Form.RIGHT_TRANSPOSED ? b.stride() : 1;
    int stepB = form == Form.RIGHT_TRANSPOSED ? 1 : b.stride();
    for (int i = 0; i < c.rows(); i++) {
      for (int j = 0; j < c.columns(); j++) {
        int atA = a.offset() + i * rowStepA;
        int atB = b.offset() + j * columnStepB;
        double sum = 0;
        for (int l = 0; l < inner; l++) {
          sum += a.elements()[atA] * b.elements()[atB];
          atA += stepA;
          atB += stepB;
        }
        int at = c.offset() + i * c.stride() + j;
        double before = keep == 0 ? 0 : keep * c.elements()[at];
        c.elements()[at] = scale * sum + before;
      }
    }
  }

  @Override
  public void square(Form form, DoubleBlock a, DoubleBlock c) {
    form.requireTransposition();
    multiply(form, 1, a, a, 0, c);
  }

  @Override
  public void square(Form form, FloatBlock a, FloatBlock c) {
    form.requireTransposition();
    multiply(form, 1, a, a, 0, c);
  }
}
