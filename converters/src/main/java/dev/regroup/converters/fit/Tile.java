package dev.regroup.converters.fit;

import dev.regroup.runtime.linalg.FloatBlock;
import java.util.ArrayList;
import java.util.List;

/// Some rows of a causal `[tokens, tokens]` matrix and the columns that they can see: work on tiles does
/// little beyond the diagonal, and stays in the cache.
///
/// @param first row
/// @param rows in the tile
record Tile(int first, int rows) {
  private static final int ROWS = 128;

  /// The tiles of a whole matrix.
  static List<Tile> of(int tokens) {
    List<Tile> tiles = new ArrayList<>();
    for (int first = 0; first < tokens; first += ROWS) {
      tiles.add(new Tile(first, Math.min(ROWS, tokens - first)));
    }
    return tiles;
  }

  /// Columns that its rows can see.
  int columns() {
    return first + rows;
  }

  /// Its part of a `[tokens, tokens]` matrix.
  FloatBlock of(FloatBlock matrix) {
    return matrix.rows(first, rows).columns(0, columns());
  }

  /// Its rows of `[tokens, ...]`: what its queries have.
  FloatBlock queries(FloatBlock all) {
    return all.rows(first, rows);
  }

  /// The rows of `[tokens, ...]` that its queries can see.
  FloatBlock keys(FloatBlock all) {
    return all.rows(0, columns());
  }

  /// A matrix of its extents over some scratch memory.
  FloatBlock scratch(float[] memory) {
    return FloatBlock.of(rows, columns(), memory);
  }

  /// Scratch memory for the largest tile of a whole matrix.
  static float[] memory(int tokens) {
    return new float[Math.min(ROWS, tokens) * tokens];
  }
}
