package dev.regroup.converters.closedform;

import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.Matrix;
import java.util.List;

/// Complex maps of rotated pairs as real maps of head elements.
///
/// Multiplying the pair `k = first + i·second` by `re + i·im` has the real part `re·first − im·second` and
/// the imaginary part `im·first + re·second`.
///
/// @param source how the source's heads pair their elements
/// @param target how the target's rotary key pairs its own; its frequencies do not matter here
record PairRows(Gqa gqa, Rope source, Rope target) {
  /// Slots as rows over the source's keys, in the pair order of the target's rope: `[d_r, G·d]`.
  Matrix slotKeys(List<RopeSlots.Slot> slots) {
    Matrix rows = Matrix.zeros(target.dim(), gqa.kvHeads() * gqa.headDim());
    for (int s = 0; s < slots.size(); s++) {
      put(rows, target.first(s), target.second(s), slots.get(s).key(), 0);
    }
    return rows;
  }

  /// Slots as rows over a source query of kv head `kvHead`: `[d_r, d]`.
  Matrix slotQueries(List<RopeSlots.Slot> slots, int kvHead) {
    int pairs = gqa.headDim() / 2;
    Matrix rows = Matrix.zeros(target.dim(), gqa.headDim());
    for (int s = 0; s < slots.size(); s++) {
      // the conjugate: a query meets conj(q)·k
      ComplexMatrix query = slots.get(s).query().conjugate();
      ComplexMatrix own =
          new ComplexMatrix(
              query.real().columns(kvHead * pairs, pairs),
              query.imaginary().columns(kvHead * pairs, pairs));
      put(rows, target.first(s), target.second(s), own, 0);
    }
    return rows;
  }

  /// One complex row for each query coordinate as real rows in the order of a head's elements,
  /// `[G·d, G·d]`. The source's attention factor, which rotated parts carry twice, is made explicit.
  Matrix queryCoordinates(ComplexMatrix coordinates) {
    int pairs = gqa.headDim() / 2;
    int keyDim = gqa.kvHeads() * gqa.headDim();
    Matrix rows = Matrix.zeros(keyDim, keyDim);
    for (int r = 0; r < coordinates.rows(); r++) {
      int base = r / pairs * gqa.headDim();
      put(rows, base + source.first(r % pairs), base + source.second(r % pairs), coordinates, r);
    }
    return rows.scaled(source.attentionFactor() * source.attentionFactor());
  }

  /// Writes row `row` of `complex` into two rows over head elements.
  private void put(Matrix rows, int realRow, int imaginaryRow, ComplexMatrix complex, int row) {
    int pairs = gqa.headDim() / 2;
    int width = rows.columns();
    for (int pair = 0; pair < complex.columns(); pair++) {
      int base = pair / pairs * gqa.headDim();
      int first = base + source.first(pair % pairs);
      int second = base + source.second(pair % pairs);
      double re = complex.real().at(row, pair);
      double im = complex.imaginary().at(row, pair);
      rows.elements()[realRow * width + first] = re;
      rows.elements()[realRow * width + second] = -im;
      rows.elements()[imaginaryRow * width + first] = im;
      rows.elements()[imaginaryRow * width + second] = re;
    }
  }
}
