package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.linalg.Form;

/// An attention sublayer in textbook form: each head meets the keys and values that it stands for.
///
/// Scores are computed in tiles of query rows, so that no head ever holds `tokens x tokens` of
/// them.
final class SelfAttention implements AttentionSublayer {
  private static final int TILE = 128;

  private final AttentionSpec spec;
  private final AttentionLayout layout;
  private final CacheRow row;
  private final AttentionWeights weights;
  private final Operations operations;
  private final Projector projector;

  SelfAttention(AttentionSpec spec, AttentionWeights weights, Operations operations) {
    this.spec = spec;
    this.layout = spec.layout();
    this.row = layout.cacheRow();
    this.weights = weights;
    this.operations = operations;
    this.projector = new Projector(spec, weights, operations);
  }

  /// What one head sees of a sequence: unrotated keys `[tokens, d_n]` (no columns where all is
  /// rotated), rotated keys `[tokens, d_r]`, values `[tokens, d_v]`.
  private record HeadView(FloatBlock keys, FloatBlock ropeKeys, FloatBlock values) {}

  @Override
  public AttentionSpec spec() {
    return spec;
  }

  @Override
  public Projected project(float[] x, int tokens) {
    return projector.project(x, tokens);
  }

  @Override
  public Projected rotate(Projected projected, int first) {
    return new Rotation(spec, operations).turn(projected, first);
  }

  @Override
  public float[] probabilities(Projected rotated, int head) {
    int tokens = rotated.tokens();
    FloatBlock scores = FloatBlock.zeros(tokens, tokens);
    score(queries(rotated, head), view(rotated, head), scores);
    operations.causalSoftmax(scores, new CausalTile(0, 0, spec.window()));
    return scores.elements();
  }

  @Override
  public float[] heads(Projected rotated) {
    int tokens = rotated.tokens();
    FloatBlock all = FloatBlock.zeros(tokens, layout.queryHeads() * layout.valueDim());
    Parallel.forEach(
        layout.queryHeads(),
        head ->
            attend(
                queries(rotated, head),
                view(rotated, head),
                all.columns(head * layout.valueDim(), layout.valueDim())));
    return withValueBias(all.elements(), tokens);
  }

  @Override
  public float[] output(float[] heads, int tokens) {
    return operations.linear(
        weights.linear(AttentionTensor.O_PROJ, spec.outputBias() ? AttentionTensor.O_BIAS : null),
        heads,
        tokens);
  }

  private void attend(FloatBlock queries, HeadView head, FloatBlock output) {
    int tokens = queries.rows();
    float[] scratch = new float[Math.min(TILE, tokens) * tokens];
    for (int first = 0; first < tokens; first += TILE) {
      int count = Math.min(TILE, tokens - first);
      int begin = spec.window() == 0 ? 0 : Math.max(0, first - spec.window() + 1);
      int width = first + count - begin;
      FloatBlock scores = FloatBlock.of(count, width, scratch);
      HeadView seen =
          new HeadView(
              head.keys().rows(begin, width),
              head.ropeKeys().rows(begin, width),
              head.values().rows(begin, width));
      score(queries.rows(first, count), seen, scores);
      operations.causalSoftmax(scores, new CausalTile(first, begin, spec.window()));
      operations
          .products()
          .multiply(Form.PLAIN, 1, scores, seen.values(), 0, output.rows(first, count));
    }
  }

  private void score(FloatBlock queries, HeadView head, FloatBlock scores) {
    int nope = layout.nopeDim();
    double scale = spec.softmaxScale();
    var products = operations.products();
    if (nope > 0) {
      products.multiply(
          Form.RIGHT_TRANSPOSED, scale, queries.columns(0, nope), head.keys(), 0, scores);
    }
    if (layout.ropeDim() > 0) {
      products.multiply(
          Form.RIGHT_TRANSPOSED,
          scale,
          queries.columns(nope, layout.ropeDim()),
          head.ropeKeys(),
          nope > 0 ? 1 : 0,
          scores);
    }
  }

  private FloatBlock queries(Projected projected, int head) {
    int dim = layout.queryDim();
    return FloatBlock.of(projected.tokens(), layout.queryHeads() * dim, projected.queries())
        .columns(head * dim, dim);
  }

  private HeadView view(Projected projected, int head) {
    FloatBlock rows = FloatBlock.of(projected.tokens(), row.elements(), projected.rows());
    int state = head / (layout.queryHeads() / row.stateHeads()) * row.stateDim();
    FloatBlock keys = rows.columns(state + row.key().start(), row.key().width());
    FloatBlock values = rows.columns(state + row.value().start(), row.value().width());
    FloatBlock ropeKeys =
        rows.columns(row.stateHeads() * row.stateDim(), row.ropeHeads() * row.ropeDim());
    return switch (layout) {
      case Gqa _ -> new HeadView(keys.columns(0, 0), keys, values);
      case Gta _ -> new HeadView(keys, ropeKeys, values);
      case Gla gla -> {
        FloatBlock expanded = FloatBlock.zeros(rows.rows(), gla.nopeDim() + gla.valueDim());
        operations
            .products()
            .multiply(Form.RIGHT_TRANSPOSED, 1, values, upProjection(gla, head), 0, expanded);
        yield new HeadView(
            expanded.columns(0, gla.nopeDim()),
            ropeKeys,
            expanded.columns(gla.nopeDim(), gla.valueDim()));
      }
    };
  }

  /// `[W_UK ; W_UV]` of a head, `[d_n + d_v, d_c]`.
  private FloatBlock upProjection(Gla gla, int head) {
    int width = gla.nopeDim() + gla.valueDim();
    if (spec.state() instanceof StatePath.Reference) {
      int half = gla.queryHeads() / 2;
      float[] up = weights.get(head < half ? AttentionTensor.W_UKV_1 : AttentionTensor.W_UKV_2);
      return FloatBlock.of(half * width, gla.latentDim(), up).rows(head % half * width, width);
    }
    return FloatBlock.of(
            gla.queryHeads() * width, gla.latentDim(), weights.get(AttentionTensor.KV_B_PROJ))
        .rows(head * width, width);
  }

  /// Adds the constant part of values, which attention passes through since its probabilities sum to 1.
  /// That of keys shifts all scores of a query alike and vanishes in the softmax.
  private float[] withValueBias(float[] heads, int tokens) {
    if (!(spec.state() instanceof StatePath.Reference)) {
      return heads;
    }
    int width = layout.nopeDim() + layout.valueDim();
    int half = layout.queryHeads() / 2;
    for (int head = 0; head < layout.queryHeads(); head++) {
      float[] bias =
          weights.get(head < half ? AttentionTensor.W_UKV_1_BIAS : AttentionTensor.W_UKV_2_BIAS);
      int from = head % half * width + layout.nopeDim();
      for (int token = 0; token < tokens; token++) {
        int at = (token * layout.queryHeads() + head) * layout.valueDim();
        for (int i = 0; i < layout.valueDim(); i++) {
          heads[at + i] += bias[from + i];
        }
      }
    }
    return heads;
  }

  @Override
  public float[] absorb(Projected rotated) {
    return switch (layout) {
      case Gqa _ -> rotated.queries();
      case Gta _ -> rotated.queries();
      case Gla gla -> {
        int tokens = rotated.tokens();
        int dim = row.queryDim();
        FloatBlock absorbed = FloatBlock.zeros(tokens, gla.queryHeads() * dim);
        for (int head = 0; head < gla.queryHeads(); head++) {
          FloatBlock queries = queries(rotated, head);
          operations
              .products()
              .multiply(
                  Form.PLAIN,
                  1,
                  queries.columns(0, gla.nopeDim()),
                  upProjection(gla, head).rows(0, gla.nopeDim()),
                  0,
                  absorbed.columns(head * dim, gla.latentDim()));
          for (int token = 0; token < tokens; token++) {
            System.arraycopy(
                rotated.queries(),
                queries.offset() + token * queries.stride() + gla.nopeDim(),
                absorbed.elements(),
                token * absorbed.stride() + head * dim + gla.latentDim(),
                gla.ropeDim());
          }
        }
        yield absorbed.elements();
      }
    };
  }

  @Override
  public float[] expand(float[] attended, int tokens) {
    return switch (layout) {
      case Gqa _ -> attended;
      case Gta _ -> attended;
      case Gla gla -> {
        FloatBlock values = FloatBlock.zeros(tokens, gla.queryHeads() * gla.valueDim());
        FloatBlock latents = FloatBlock.of(tokens, gla.queryHeads() * gla.latentDim(), attended);
        for (int head = 0; head < gla.queryHeads(); head++) {
          operations
              .products()
              .multiply(
                  Form.RIGHT_TRANSPOSED,
                  1,
                  latents.columns(head * gla.latentDim(), gla.latentDim()),
                  upProjection(gla, head).rows(gla.nopeDim(), gla.valueDim()),
                  0,
                  values.columns(head * gla.valueDim(), gla.valueDim()));
        }
        yield withValueBias(values.elements(), tokens);
      }
    };
  }
}
