package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/// The transpose of the pass's derivative: what an output direction pulls back to on each map.
///
/// It keeps what it pulled back to on the maps' outputs as well, of which preconditioning needs the
/// second moments.
final class Adjoint {
  private final AttentionPass pass;
  private final Set<Part> parts;
  private final Extents extents;
  private final FloatBlock pulled;

  /// Pulled back to queries, unrotated, `[tokens, H·(d_n+d_r)]`.
  private final FloatBlock queries;

  /// Pulled back to keys and values of all heads; into the states where they are tied.
  private final FloatBlock keys;

  private final FloatBlock values;

  /// Pulled back to the rotary key, unrotated, `[tokens, d_r]`.
  private final FloatBlock ropeKey;

  /// Pulled back to the states, `[tokens, n·d_c]`.
  private final FloatBlock states;

  /// Pulled back to the states before their norm; the same where there is none.
  private final FloatBlock latents;

  /// Pulled back to the norm's gains; empty where there is none.
  private final float[] gains;

  /// Pulls `output` `[tokens, D]` back.
  Adjoint(AttentionPass pass, Set<Part> parts, FloatBlock output) {
    this.pass = pass;
    this.parts = parts;
    pulled = output;
    extents = pass.extents();
    int tokens = output.rows();
    queries = FloatBlock.zeros(tokens, extents.heads() * extents.queryDim());
    ropeKey = FloatBlock.zeros(tokens, extents.ropeDim());
    states = FloatBlock.zeros(tokens, extents.states() * extents.stateDim());
    keys = extents.tied() ? states : FloatBlock.zeros(tokens, extents.heads() * extents.keyDim());
    values =
        extents.tied() ? states : FloatBlock.zeros(tokens, extents.heads() * extents.valueDim());
    FloatBlock heads = FloatBlock.zeros(tokens, extents.heads() * extents.valueDim());
    FloatBlock weights = FloatBlock.of(pass.hiddenSize(), heads.columns(), pass.layer().output());
    AttentionPass.multiply(Form.PLAIN, pulled, weights, 0, heads);
    float[] memory = Tile.memory(tokens);
    FloatBlock wholeKeys = FloatBlock.zeros(tokens, extents.keyUnits() * extents.queryDim());
    for (int h = 0; h < extents.heads(); h++) {
      for (Tile tile : Tile.of(tokens)) {
        FloatBlock given = tile.queries(pass.head(heads, h));
        pullHead(h, tile, given, tile.scratch(memory), pass.wholeKey(wholeKeys, h));
      }
    }
    part(wholeKeys);
    pass.rotateQueries(queries, pass.transposedRope());
    AttentionPass.rotateKey(ropeKey, pass.transposedRope());
    if (!extents.tied()) {
      pullUp(keys, pass.layer().keyUp(), extents.keyDim());
      pullUp(values, pass.layer().valueUp(), extents.valueDim());
    }
    LatentNorm norm = pass.layer().norm();
    gains = new float[norm.gains().length];
    latents =
        norm.active() ? NormedStates.pull(norm, extents, pass.latents(), states, gains) : states;
  }

  private void pullHead(
      int head, Tile tile, FloatBlock output, FloatBlock scores, FloatBlock keys) {
    FloatBlock probabilities = tile.of(pass.probabilities(head));
    AttentionPass.multiply(
        Form.LEFT_TRANSPOSED, probabilities, output, 1, tile.keys(pass.value(values, head)));
    AttentionPass.multiply(Form.RIGHT_TRANSPOSED, output, tile.keys(pass.value(head)), 0, scores);
    unweigh(scores, probabilities, output, tile.queries(pass.head(pass.heads(), head)));
    pull(scores, tile, pass.wholeKey(head), pass.query(queries, head));
    push(scores, tile, pass.query(pass.queries(), head), keys);
  }

  /// Parts what was pulled back to whole keys: the rotated part of all of them is one.
  private void part(FloatBlock whole) {
    for (int t = 0; t < whole.rows(); t++) {
      for (int u = 0; u < extents.keyUnits(); u++) {
        int from = t * whole.columns() + u * extents.queryDim();
        int free = t * keys.columns() + u * extents.keyStride();
        for (int c = 0; c < extents.keyDim(); c++) {
          keys.elements()[free + c] += whole.elements()[from + c];
        }
        for (int c = 0; c < extents.ropeDim(); c++) {
          ropeKey.elements()[t * extents.ropeDim() + c] +=
              whole.elements()[from + extents.keyDim() + c];
        }
      }
    }
  }

  /// To the tile's queries: `queries = scores · keys`.
  private static void pull(FloatBlock scores, Tile tile, FloatBlock keys, FloatBlock queries) {
    AttentionPass.multiply(Form.PLAIN, scores, tile.keys(keys), 0, tile.queries(queries));
  }

  /// To the keys that the tile sees: `keys += scoresᵀ · queries`.
  private static void push(FloatBlock scores, Tile tile, FloatBlock queries, FloatBlock keys) {
    AttentionPass.multiply(Form.LEFT_TRANSPOSED, scores, tile.queries(queries), 1, tile.keys(keys));
  }

  /// Softmax's transpose: `scores = scale · probabilities ∘ (scores − output·heads)`.
  private void unweigh(
      FloatBlock scores, FloatBlock probabilities, FloatBlock output, FloatBlock heads) {
    float scale = (float) pass.layer().spec().softmaxScale();
    float[] s = scores.elements();
    float[] p = probabilities.elements();
    for (int i = 0; i < scores.rows(); i++) {
      float mean = 0;
      for (int c = 0; c < output.columns(); c++) {
        mean +=
            output.elements()[output.offset() + i * output.stride() + c]
                * heads.elements()[heads.offset() + i * heads.stride() + c];
      }
      int row = scores.offset() + i * scores.stride();
      int at = probabilities.offset() + i * probabilities.stride();
      // probabilities are exactly 0 where a query sees nothing
      for (int j = 0; j < scores.columns(); j++) {
        s[row + j] = scale * p[at + j] * (s[row + j] - mean);
      }
    }
  }

  private void pullUp(FloatBlock from, float[] weights, int each) {
    FloatBlock rows = FloatBlock.of(extents.heads() * each, extents.stateDim(), weights);
    int width = extents.group() * each;
    for (int s = 0; s < extents.states(); s++) {
      AttentionPass.multiply(
          Form.PLAIN,
          from.columns(s * width, width),
          rows.rows(s * width, width),
          1,
          states.columns(s * extents.stateDim(), extents.stateDim()));
    }
  }

  /// Pulled back to the outputs of a part, `[tokens, out]`, before the part's inputs are met.
  FloatBlock outputs(Part part) {
    return switch (part) {
      case QUERY -> queries;
      case STATE -> latents;
      case ROPE_KEY -> ropeKey;
      case KEY_UP -> keys;
      case VALUE_UP -> values;
      case OUTPUT -> pulled;
      case NORM_GAIN -> throw new IllegalArgumentException("gains have axes of their own");
    };
  }

  /// Pulled back to every part's weights.
  Maps weights() {
    Map<Part, float[]> all = new EnumMap<>(Part.class);
    for (Part part : parts) {
      all.put(
          part,
          switch (part) {
            case QUERY -> outer(queries, pass.inputs().query());
            case STATE -> outer(latents, pass.inputs().state());
            case ROPE_KEY -> outer(ropeKey, pass.inputs().rope());
            case KEY_UP -> outerUp(keys, extents.keyDim());
            case VALUE_UP -> outerUp(values, extents.valueDim());
            case OUTPUT -> outer(pulled, pass.heads());
            case NORM_GAIN -> gains;
          });
    }
    return new Maps(all);
  }

  private static float[] outer(FloatBlock outputs, FloatBlock inputs) {
    FloatBlock product = FloatBlock.zeros(outputs.columns(), inputs.columns());
    AttentionPass.multiply(Form.LEFT_TRANSPOSED, outputs, inputs, 0, product);
    return product.elements();
  }

  private float[] outerUp(FloatBlock outputs, int each) {
    FloatBlock product = FloatBlock.zeros(extents.heads() * each, extents.stateDim());
    int width = extents.group() * each;
    for (int s = 0; s < extents.states(); s++) {
      AttentionPass.multiply(
          Form.LEFT_TRANSPOSED,
          outputs.columns(s * width, width),
          pass.states().columns(s * extents.stateDim(), extents.stateDim()),
          0,
          product.rows(s * width, width));
    }
    return product.elements();
  }
}
