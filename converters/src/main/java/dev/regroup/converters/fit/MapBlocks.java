package dev.regroup.converters.fit;

/// How a part's map falls into blocks: one for each head or state, whose outputs mix with each other
/// but not with another's.
///
/// @param outputUnits heads or states with a block of their own
/// @param rows of a block
/// @param inputUnits distinct inputs: the states for up-projections, else one
/// @param in columns of a block
record MapBlocks(int outputUnits, int rows, int inputUnits, int in) {
  static MapBlocks of(Part part, Extents extents, int length) {
    int outputUnits =
        switch (part) {
          case QUERY, KEY_UP, VALUE_UP -> extents.heads();
          case STATE, NORM_GAIN -> extents.states();
          case ROPE_KEY, OUTPUT -> 1;
        };
    int rows =
        switch (part) {
          case QUERY -> extents.queryDim();
          case STATE, NORM_GAIN -> extents.stateDim();
          case ROPE_KEY -> extents.ropeDim();
          case KEY_UP -> extents.keyDim();
          case VALUE_UP -> extents.valueDim();
          case OUTPUT -> length / (extents.heads() * extents.valueDim());
        };
    int inputUnits =
        switch (part) {
          case KEY_UP, VALUE_UP -> extents.states();
          case QUERY, STATE, ROPE_KEY, OUTPUT, NORM_GAIN -> 1;
        };
    return new MapBlocks(outputUnits, rows, inputUnits, length / Math.max(1, outputUnits * rows));
  }

  /// Which input a block reads.
  int inputOf(int block) {
    return block * inputUnits / outputUnits;
  }
}
