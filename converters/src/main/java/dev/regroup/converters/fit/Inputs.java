package dev.regroup.converters.fit;

import dev.regroup.runtime.linalg.FloatBlock;

/// What the maps of a layer read over one window; see
/// {@link dev.regroup.converters.closedform.FactoredAttention}.
///
/// @param query `[tokens, D_q]`
/// @param state `[tokens, D_c]`
/// @param rope `[tokens, D_r]`
record Inputs(FloatBlock query, FloatBlock state, FloatBlock rope) {
  int tokens() {
    return query.rows();
  }
}
