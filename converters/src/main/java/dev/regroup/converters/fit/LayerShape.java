package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.formats.attention.QueryPath;

/// What decides the sizes of a layer's intermediate results.
///
/// @param tokens of a window
/// @param hidden D
/// @param query elements of a token that the query map reads, and so on
record LayerShape(Extents extents, int tokens, int hidden, int query, int state, int rope) {
  static LayerShape of(FactoredAttention layer, Inputs inputs) {
    Extents extents = Extents.of(layer);
    return new LayerShape(
        extents,
        inputs.tokens(),
        layer.output().length / (extents.heads() * extents.valueDim()),
        inputs.query().columns(),
        inputs.state().columns(),
        inputs.rope().columns());
  }

  /// Queries of all heads, elements of a token.
  int queries() {
    return extents.heads() * extents.queryDim();
  }

  int states() {
    return extents.states() * extents.stateDim();
  }

  int keys() {
    return extents.heads() * extents.keyDim();
  }

  int values() {
    return extents.heads() * extents.valueDim();
  }

  /// Elements of one window's probabilities.
  long squares() {
    return (long) extents.heads() * tokens * tokens;
  }

  /// Whether each head's queries are made of its own part of the input.
  static boolean mixed(FactoredAttention layer) {
    return layer.spec().query() instanceof QueryPath.Mixed;
  }
}
