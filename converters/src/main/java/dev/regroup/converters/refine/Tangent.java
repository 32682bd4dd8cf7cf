package dev.regroup.converters.refine;

import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;

/// The directional derivative of a layer's output: what a small change of its maps does to it.
final class Tangent {
  private final AttentionPass pass;
  private final Maps direction;
  private final Extents extents;

  private Tangent(AttentionPass pass, Maps direction) {
    this.pass = pass;
    this.direction = direction;
    extents = pass.extents();
  }

  /// The change `[tokens, D]` of the output per unit of `direction`.
  static FloatBlock of(AttentionPass pass, Maps direction) {
    return new Tangent(pass, direction).output();
  }

  private FloatBlock output() {
    int tokens = pass.inputs().tokens();
    FloatBlock queries = queries();
    FloatBlock states = states();
    FloatBlock rope = rope();
    FloatBlock keys = keys(states);
    FloatBlock values = values(states);
    FloatBlock heads = FloatBlock.zeros(tokens, extents.heads() * extents.valueDim());
    float[] memory = Tile.memory(tokens);
    for (int h = 0; h < extents.heads(); h++) {
      for (Tile tile : Tile.of(tokens)) {
        FloatBlock scores = tile.scratch(memory);
        pass.score(scores, tile, queries, h, pass.key(h), pass.ropeKey(), 0);
        pass.score(scores, tile, pass.queries(), h, pass.key(keys, h), rope, 1);
        weigh(scores, tile, h, tile.queries(pass.head(heads, h)));
        AttentionPass.multiply(
            Form.PLAIN,
            tile.of(pass.probabilities(h)),
            tile.keys(pass.value(values, h)),
            1,
            tile.queries(pass.head(heads, h)));
      }
    }
    FloatBlock output = AttentionPass.mapped(heads, pass.layer().output(), pass.hiddenSize());
    if (direction.has(Part.OUTPUT)) {
      FloatBlock weights =
          FloatBlock.of(pass.hiddenSize(), heads.columns(), direction.get(Part.OUTPUT));
      AttentionPass.multiply(Form.RIGHT_TRANSPOSED, pass.heads(), weights, 1, output);
    }
    return output;
  }

  /// Softmax's derivative: with `m = probabilities ∘ scores`, `change = m·values − rowsum(m)·outputs`.
  private void weigh(FloatBlock scores, Tile tile, int head, FloatBlock change) {
    FloatBlock probabilities = tile.of(pass.probabilities(head));
    float[] p = probabilities.elements();
    float[] m = scores.elements();
    float[] sums = new float[tile.rows()];
    for (int i = 0; i < tile.rows(); i++) {
      int row = scores.offset() + i * scores.stride();
      int at = probabilities.offset() + i * probabilities.stride();
      // probabilities are exactly 0 where a query sees nothing
      for (int j = 0; j < tile.columns(); j++) {
        m[row + j] *= p[at + j];
      }
      sums[i] = Sums.of(m, row, tile.columns());
    }
    AttentionPass.multiply(Form.PLAIN, scores, tile.keys(pass.value(head)), 0, change);
    FloatBlock outputs = tile.queries(pass.head(pass.heads(), head));
    for (int i = 0; i < tile.rows(); i++) {
      for (int c = 0; c < extents.valueDim(); c++) {
        change.elements()[change.offset() + i * change.stride() + c] -=
            sums[i] * outputs.elements()[outputs.offset() + i * outputs.stride() + c];
      }
    }
  }

  private FloatBlock queries() {
    int width = extents.heads() * extents.queryDim();
    if (!direction.has(Part.QUERY)) {
      return FloatBlock.zeros(pass.inputs().tokens(), width);
    }
    FloatBlock queries =
        AttentionPass.mapped(pass.inputs().query(), direction.get(Part.QUERY), width);
    pass.rotateQueries(queries, pass.layer().spec().rope());
    return queries;
  }

  private FloatBlock states() {
    int width = extents.states() * extents.stateDim();
    return direction.has(Part.STATE)
        ? AttentionPass.mapped(pass.inputs().state(), direction.get(Part.STATE), width)
        : FloatBlock.zeros(pass.inputs().tokens(), width);
  }

  private FloatBlock rope() {
    if (!direction.has(Part.ROPE_KEY)) {
      return FloatBlock.zeros(pass.inputs().tokens(), extents.ropeDim());
    }
    FloatBlock key =
        AttentionPass.mapped(pass.inputs().rope(), direction.get(Part.ROPE_KEY), extents.ropeDim());
    AttentionPass.rotateKey(key, pass.layer().spec().rope());
    return key;
  }

  private FloatBlock keys(FloatBlock states) {
    if (extents.tied()) {
      return states;
    }
    FloatBlock keys = pass.up(states, pass.layer().keyUp(), extents.keyDim());
    return direction.has(Part.KEY_UP)
        ? plus(keys, pass.up(pass.states(), direction.get(Part.KEY_UP), extents.keyDim()))
        : keys;
  }

  private FloatBlock values(FloatBlock states) {
    if (extents.tied()) {
      return states;
    }
    FloatBlock values = pass.up(states, pass.layer().valueUp(), extents.valueDim());
    return direction.has(Part.VALUE_UP)
        ? plus(values, pass.up(pass.states(), direction.get(Part.VALUE_UP), extents.valueDim()))
        : values;
  }

  private static FloatBlock plus(FloatBlock sum, FloatBlock other) {
    for (int i = 0; i < sum.elements().length; i++) {
      sum.elements()[i] += other.elements()[i];
    }
    return sum;
  }
}
