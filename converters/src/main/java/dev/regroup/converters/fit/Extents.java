package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.formats.attention.AttentionLayout;

/// Extents of a layer's maps, in elements.
///
/// @param heads H
/// @param states n
/// @param stateDim d_c
/// @param keyDim d_n
/// @param ropeDim d_r
/// @param valueDim d_v
/// @param tied whether key and value are the state itself
record Extents(
    int heads, int states, int stateDim, int keyDim, int ropeDim, int valueDim, boolean tied) {
  static Extents of(FactoredAttention layer) {
    AttentionLayout layout = layer.spec().layout();
    return new Extents(
        layout.queryHeads(),
        layout.stateHeads(),
        layout.cacheRow().stateDim(),
        layout.nopeDim(),
        layout.ropeDim(),
        layout.valueDim(),
        layer.tied());
  }

  /// d_n + d_r.
  int queryDim() {
    return keyDim + ropeDim;
  }

  /// Query heads that share a state.
  int group() {
    return heads / states;
  }

  /// Keys that differ in their unrotated part: of states where they are tied, else of heads.
  int keyUnits() {
    return tied ? states : heads;
  }

  /// Elements from one unit's unrotated key to the next one's.
  int keyStride() {
    return tied ? stateDim : keyDim;
  }
}
