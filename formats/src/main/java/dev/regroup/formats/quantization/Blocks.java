package dev.regroup.formats.quantization;

import dev.regroup.formats.tensor.Shape;

/// The elements of a weight that share a scale, as runs within rows.
///
/// @param rows of the weight
/// @param columns of the weight
/// @param high rows of a block
/// @param wide columns of a block
record Blocks(int rows, int columns, int high, int wide) {
  static Blocks of(ScaledWeight weight) {
    Shape shape = weight.weight().shape();
    return new Blocks(
        Math.toIntExact(shape.extent(0)),
        Math.toIntExact(shape.extent(1)),
        Math.max(1, weight.grain().rows(shape)),
        Math.max(1, weight.grain().columns(shape)));
  }

  /// The number of blocks, and of scales.
  int count() {
    return Math.ceilDiv(rows, high) * Math.ceilDiv(columns, wide);
  }

  /// Elements `[from, to)` of a row-major array belong to one block, row-major too.
  interface Run {
    void at(int block, int from, int to);
  }

  void forEachRun(Run run) {
    int perRow = Math.ceilDiv(columns, wide);
    for (int row = 0; row < rows; row++) {
      for (int block = 0; block < perRow; block++) {
        int from = row * columns + block * wide;
        run.at(row / high * perRow + block, from, Math.min(from + wide, (row + 1) * columns));
      }
    }
  }
}
