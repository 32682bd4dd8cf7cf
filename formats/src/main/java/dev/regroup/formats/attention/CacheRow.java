package dev.regroup.formats.attention;

/// What one layer keeps of one token: `stateHeads` states of `stateDim` elements, then `ropeHeads`
/// rotated keys of `ropeDim` elements.
///
/// Layouts differ only in which slice of a state is key and which is value, so that there is one
/// cache, one decode kernel and one contract for all of them.
///
/// @param key the part of a state that meets the query, before the rotary part
/// @param value the part of a state that is averaged
/// @param ropeHeads 1, or 0 where the rotation is already inside the key
public record CacheRow(
    int stateHeads, int stateDim, Slice key, Slice value, int ropeHeads, int ropeDim) {
  public CacheRow {
    if (key.end() > stateDim || value.end() > stateDim) {
      throw new IllegalArgumentException(
          "key %s and value %s must lie within the state of %d elements"
              .formatted(key, value, stateDim));
    }
  }

  /// Elements one token takes in one layer: the number the whole project is about.
  public int elements() {
    return stateHeads * stateDim + ropeHeads * ropeDim;
  }

  /// Elements of a query that meets this row: the key slice, then the rotary part.
  public int queryDim() {
    return key.width() + ropeHeads * ropeDim;
  }

  /// Elements one of `ranks` tensor-parallel devices keeps of a token: states are dealt out as far
  /// as they go (a state is never cut), the rotary key is on every device.
  public int elementsPerRank(int ranks) {
    int states = Math.max(1, Math.ceilDiv(stateHeads, ranks));
    return states * stateDim + ropeHeads * ropeDim;
  }
}
