package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import dev.regroup.runtime.linalg.Products;
import dev.regroup.runtime.model.CausalTile;
import dev.regroup.runtime.model.HeadSlices;
import dev.regroup.runtime.model.Operations;

/// A layer's attention over one window, with everything that its derivatives need.
///
/// Memory: `H · tokens²` floats for the probabilities.
final class AttentionPass {
  private final FactoredAttention layer;
  private final Inputs inputs;
  private final Extents extents;

  /// Rotated queries `[tokens, H·(d_n+d_r)]`.
  private final FloatBlock queries;

  /// States before their norm, where there is one, `[tokens, n·d_c]`.
  private final FloatBlock latents;

  /// States `[tokens, n·d_c]`.
  private final FloatBlock states;

  /// Whole keys, the rotated part last, `[tokens, (H or n)·(d_n+d_r)]`: of each head, or of each state
  /// where they are tied.
  private final FloatBlock wholeKeys;

  /// Values of all heads; the states themselves where they are tied.
  private final FloatBlock values;

  /// Probabilities `[tokens, tokens]` of each head.
  private final FloatBlock[] probabilities;

  /// Heads' outputs `[tokens, H·d_v]`.
  private final FloatBlock heads;

  AttentionPass(FactoredAttention layer, Inputs inputs) {
    this.layer = layer;
    this.inputs = inputs;
    extents = Extents.of(layer);
    int tokens = inputs.tokens();
    queries = projectedQueries();
    addBias(queries, layer.biases().query());
    rotateQueries(queries, layer.spec().rope());
    latents = mapped(inputs.state(), layer.state(), extents.states() * extents.stateDim());
    addBias(latents, layer.biases().state());
    states = layer.norm().active() ? NormedStates.of(layer.norm(), extents, latents) : latents;
    FloatBlock ropeKey = mapped(inputs.rope(), layer.ropeKey(), extents.ropeDim());
    addBias(ropeKey, layer.biases().ropeKey());
    rotateKey(ropeKey, layer.spec().rope());
    FloatBlock keys = extents.tied() ? states : up(states, layer.keyUp(), extents.keyDim());
    wholeKeys = joined(keys, ropeKey);
    values = extents.tied() ? states : up(states, layer.valueUp(), extents.valueDim());
    probabilities = new FloatBlock[extents.heads()];
    heads = FloatBlock.zeros(tokens, extents.heads() * extents.valueDim());
    for (int h = 0; h < extents.heads(); h++) {
      probabilities[h] = FloatBlock.zeros(tokens, tokens);
      for (Tile tile : Tile.of(tokens)) {
        attend(h, tile);
      }
    }
  }

  private FloatBlock projectedQueries() {
    int all = extents.heads() * extents.queryDim();
    return switch (layer.spec().query()) {
      case QueryPath.Direct _, QueryPath.LowRank _, QueryPath.Reference _ ->
          mapped(inputs.query(), layer.query(), all);
      case QueryPath.Mixed(int dim, boolean _) -> {
        FloatBlock mixed = FloatBlock.zeros(inputs.tokens(), all);
        FloatBlock maps = FloatBlock.of(all, dim, layer.query());
        for (int h = 0; h < extents.heads(); h++) {
          int first = h * extents.queryDim();
          multiply(
              Form.RIGHT_TRANSPOSED,
              inputs.query().columns(h * dim, dim),
              maps.rows(first, extents.queryDim()),
              0,
              mixed.columns(first, extents.queryDim()));
        }
        yield mixed;
      }
    };
  }

  /// Free parts of all keys, each with the rotated part behind it.
  private FloatBlock joined(FloatBlock keys, FloatBlock ropeKey) {
    int units = extents.keyUnits();
    FloatBlock whole = FloatBlock.zeros(keys.rows(), units * extents.queryDim());
    for (int t = 0; t < keys.rows(); t++) {
      for (int u = 0; u < units; u++) {
        int to = t * whole.columns() + u * extents.queryDim();
        int from = t * keys.columns() + u * extents.keyStride();
        System.arraycopy(keys.elements(), from, whole.elements(), to, extents.keyDim());
        System.arraycopy(
            ropeKey.elements(),
            t * extents.ropeDim(),
            whole.elements(),
            to + extents.keyDim(),
            extents.ropeDim());
      }
    }
    return whole;
  }

  private void attend(int head, Tile tile) {
    FloatBlock scores = tile.of(probabilities[head]);
    Products.fast()
        .multiply(
            Form.RIGHT_TRANSPOSED,
            layer.spec().softmaxScale(),
            tile.queries(query(queries, head)),
            tile.keys(wholeKey(wholeKeys, head)),
            0,
            scores);
    Operations.fast().causalSoftmax(scores, new CausalTile(tile.first(), 0, layer.spec().window()));
    multiply(
        Form.PLAIN, scores, tile.keys(value(values, head)), 0, tile.queries(head(heads, head)));
  }

  FactoredAttention layer() {
    return layer;
  }

  Inputs inputs() {
    return inputs;
  }

  Extents extents() {
    return extents;
  }

  FloatBlock queries() {
    return queries;
  }

  FloatBlock states() {
    return states;
  }

  /// States before their norm; the states where there is none.
  FloatBlock latents() {
    return latents;
  }

  FloatBlock probabilities(int head) {
    return probabilities[head];
  }

  /// The heads' outputs `[tokens, H·d_v]`.
  FloatBlock heads() {
    return heads;
  }

  /// The layer's output `[tokens, D]`.
  FloatBlock output() {
    return mapped(heads, layer.output(), hiddenSize());
  }

  int hiddenSize() {
    return layer.output().length / (extents.heads() * extents.valueDim());
  }

  /// The whole key of a head, `[tokens, d_n+d_r]`.
  FloatBlock wholeKey(int head) {
    return wholeKey(wholeKeys, head);
  }

  /// Values of a head, `[tokens, d_v]`.
  FloatBlock value(int head) {
    return value(values, head);
  }

  /// The part of whole keys that is head `head`'s.
  FloatBlock wholeKey(FloatBlock all, int head) {
    int unit = extents.tied() ? head / extents.group() : head;
    return all.columns(unit * extents.queryDim(), extents.queryDim());
  }

  /// The part of `all` that is head `head`'s value: `all` are states where tied, else values.
  FloatBlock value(FloatBlock all, int head) {
    int first =
        extents.tied() ? head / extents.group() * extents.stateDim() : head * extents.valueDim();
    return all.columns(first, extents.valueDim());
  }

  /// The part of `[tokens, H·d_v]` that belongs to a head.
  FloatBlock head(FloatBlock all, int head) {
    return all.columns(head * extents.valueDim(), extents.valueDim());
  }

  /// A head's queries, the rotated part last.
  FloatBlock query(FloatBlock all, int head) {
    return all.columns(head * extents.queryDim(), extents.queryDim());
  }

  /// Per-head up-projection of the states: `[tokens, H·each]`.
  FloatBlock up(FloatBlock from, float[] weights, int each) {
    FloatBlock all = FloatBlock.zeros(from.rows(), extents.heads() * each);
    FloatBlock rows = FloatBlock.of(extents.heads() * each, extents.stateDim(), weights);
    int width = extents.group() * each;
    for (int s = 0; s < extents.states(); s++) {
      multiply(
          Form.RIGHT_TRANSPOSED,
          from.columns(s * extents.stateDim(), extents.stateDim()),
          rows.rows(s * width, width),
          0,
          all.columns(s * width, width));
    }
    return all;
  }

  /// A linear map of `x`: `[tokens, out]`.
  static FloatBlock mapped(FloatBlock x, float[] weights, int out) {
    FloatBlock y = FloatBlock.zeros(x.rows(), out);
    multiply(Form.RIGHT_TRANSPOSED, x, FloatBlock.of(out, x.columns(), weights), 0, y);
    return y;
  }

  static void multiply(Form form, FloatBlock a, FloatBlock b, double keep, FloatBlock c) {
    Products.fast().multiply(form, 1, a, b, keep, c);
  }

  void rotateQueries(FloatBlock all, Rope rope) {
    Operations.fast()
        .rotate(
            all.elements(),
            new HeadSlices(extents.heads(), extents.keyDim(), extents.queryDim(), all.columns()),
            rope,
            0);
  }

  static void rotateKey(FloatBlock key, Rope rope) {
    Operations.fast()
        .rotate(key.elements(), new HeadSlices(1, 0, key.columns(), key.columns()), rope, 0);
  }

  /// The transpose of the layer's rotation: it turns back, and scales alike.
  Rope transposedRope() {
    return transposed(layer.spec().rope());
  }

  static Rope transposed(Rope rope) {
    return new Rope(
        rope.inverseFrequencies().stream().map(frequency -> -frequency).toList(),
        rope.interleaved(),
        rope.attentionFactor());
  }

  private static void addBias(FloatBlock rows, float[] bias) {
    if (bias.length == 0) {
      return;
    }
    for (int r = 0; r < rows.rows(); r++) {
      for (int c = 0; c < bias.length; c++) {
        rows.elements()[r * rows.columns() + c] += bias[c];
      }
    }
  }
}
