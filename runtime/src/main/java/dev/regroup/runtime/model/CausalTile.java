package dev.regroup.runtime.model;

/// Which queries meet which keys in a tile of scores `[queries, keys]`.
///
/// @param firstQuery position of the tile's first row
/// @param firstKey position of its first column
/// @param window how many tokens, itself included, a token sees; 0 where it sees all before it
public record CausalTile(int firstQuery, int firstKey, int window) {
  /// The first column that row `row` sees.
  int begin(int row) {
    return window == 0 ? 0 : Math.max(0, firstQuery + row - window + 1 - firstKey);
  }

  /// One past the last column that row `row` sees.
  int end(int row) {
    return firstQuery + row + 1 - firstKey;
  }
}
