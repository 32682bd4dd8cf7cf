package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.closedform.FactoredAttention.Biases;
import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.EnumSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;

/// Small converted layers of random maps, in every shape that derivatives could get wrong.
final class RandomLayers {
  private static final int HIDDEN = 12;
  private static final int LATENT = 9;
  private static final int QUERY_LATENT = 7;

  private final Random random;

  RandomLayers(long seed) {
    random = new Random(seed);
  }

  /// What maps read: the layer's input, or what lies behind norms.
  enum Reads {
    HIDDEN,
    MLA,
    HEAD_NORMS
  }

  /// A layer's shape.
  record Case(
      String name,
      AttentionLayout layout,
      Reads reads,
      boolean interleaved,
      double attentionFactor,
      int window) {
    /// More than a tile's rows in one case; derivatives work tile by tile.
    int tokens() {
      return name.endsWith("long") ? 150 : 14;
    }

    /// Whether the layer trains a norm of its latents.
    boolean normed() {
      return name.startsWith("normed");
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> cases() {
    var gta = new Gta(4, 2, 6, 4);
    var gla = new Gla(4, 2, 5, 3, 4, 6);
    return Stream.of(
        new Case("GTA", gta, Reads.HIDDEN, false, 1, 0),
        new Case("GTA of one state, window", new Gta(4, 1, 6, 2), Reads.HIDDEN, true, 1.3, 5),
        new Case("GTA without a key in its state", new Gta(4, 2, 4, 4), Reads.HIDDEN, false, 1, 0),
        new Case("GTA from MLA", new Gta(4, 2, 8, 4), Reads.MLA, true, 1.2, 0),
        new Case("GTA behind head norms", gta, Reads.HEAD_NORMS, false, 1, 0),
        new Case("GTA, long", gta, Reads.HIDDEN, false, 1, 0),
        new Case("GLA", gla, Reads.HIDDEN, false, 1, 0),
        new Case("GLA, window, YaRN", gla, Reads.HIDDEN, false, 1.25, 4),
        new Case("GLA behind head norms", gla, Reads.HEAD_NORMS, false, 1, 0),
        new Case("GLA from MLA, interleaved", new Gla(4, 4, 5, 3, 4, 6), Reads.MLA, true, 1, 0),
        new Case("GLA of one latent from MLA", new Gla(4, 1, 8, 3, 2, 5), Reads.MLA, true, 1.1, 6),
        new Case("GLA, window, long", gla, Reads.HIDDEN, false, 1, 40),
        new Case("normed MLA", new Gla(4, 1, 8, 3, 4, 6), Reads.HIDDEN, true, 1, 0),
        new Case("normed GLA of two latents", gla, Reads.HIDDEN, false, 1, 0),
        new Case("normed GLA, YaRN, long", gla, Reads.HIDDEN, false, 1.25, 0));
  }

  /// A layer with biases on queries, states and rotary key.
  FactoredAttention layer(Case shape) {
    AttentionLayout layout = shape.layout();
    boolean tied = layout instanceof Gta;
    int states = layout.stateHeads() * layout.cacheRow().stateDim();
    Rope rope =
        new Rope(
            Rope.standardFrequencies(layout.ropeDim(), 30),
            shape.interleaved(),
            shape.attentionFactor());
    var spec =
        new AttentionSpec(
            layout, queryPath(shape), statePath(shape), rope, 0.6, false, shape.window());
    int queries = layout.queryHeads() * layout.queryDim();
    int stateDim = layout.cacheRow().stateDim();
    return new FactoredAttention(
        spec,
        normal(queries * (shape.reads() == Reads.HIDDEN ? HIDDEN : QUERY_LATENT), 0.35),
        normal(states * (shape.reads() == Reads.HIDDEN ? HIDDEN : LATENT), 0.35),
        normal(layout.ropeDim() * HIDDEN, 0.35),
        normal(tied ? 0 : layout.queryHeads() * layout.nopeDim() * stateDim, 0.5),
        normal(tied ? 0 : layout.queryHeads() * layout.valueDim() * stateDim, 0.5),
        normal(HIDDEN * layout.queryHeads() * layout.valueDim(), 0.3),
        new Biases(normal(queries, 0.2), constants(shape), normal(layout.ropeDim(), 0.2)),
        shape.normed() ? norm(states) : LatentNorm.NONE);
  }

  private static QueryPath queryPath(Case shape) {
    if (shape.normed() && shape.layout().stateHeads() == 2) {
      return new QueryPath.Reference(HIDDEN + 1);
    }
    return shape.reads() == Reads.HEAD_NORMS
        ? new QueryPath.Mixed(QUERY_LATENT, true)
        : new QueryPath.Direct(true, false);
  }

  private static StatePath statePath(Case shape) {
    if (shape.layout() instanceof Gta) {
      return new StatePath.Tied(true);
    }
    int states = shape.layout().stateHeads() * shape.layout().cacheRow().stateDim();
    return shape.normed() && shape.layout().stateHeads() == 2
        ? new StatePath.Reference()
        : new StatePath.Latent(states, shape.normed(), false, true);
  }

  /// Of states; those that a norm is held by are small enough for it to bend latents.
  private float[] constants(Case shape) {
    int dim = shape.layout().cacheRow().stateDim();
    float[] constants = normal(shape.layout().stateHeads() * dim, 0.2);
    for (int last = dim - 1; shape.normed() && last < constants.length; last += dim) {
      constants[last] = 2;
    }
    return constants;
  }

  /// What gains are relative to leaves latents as they are beside a large constant.
  private LatentNorm norm(int states) {
    float[] gains = normal(states, 0.05);
    for (int i = 0; i < states; i++) {
      gains[i] += 0.15f;
    }
    return new LatentNorm(gains);
  }

  Inputs inputs(Case shape) {
    int tokens = shape.tokens();
    FloatBlock hidden = block(tokens, HIDDEN);
    return switch (shape.reads()) {
      case HIDDEN -> new Inputs(hidden, hidden, hidden);
      case MLA -> new Inputs(block(tokens, QUERY_LATENT), block(tokens, LATENT), hidden);
      case HEAD_NORMS ->
          new Inputs(
              block(tokens, shape.layout().queryHeads() * QUERY_LATENT),
              block(tokens, LATENT),
              hidden);
    };
  }

  FloatBlock block(int rows, int columns) {
    return FloatBlock.of(rows, columns, normal(rows * columns, 1));
  }

  static int hiddenSize() {
    return HIDDEN;
  }

  /// The parts of a layer that fits change.
  static Set<Part> parts(FactoredAttention layer) {
    Set<Part> parts = EnumSet.allOf(Part.class);
    if (!layer.norm().active()) {
      parts.remove(Part.NORM_GAIN);
    }
    if (layer.tied()) {
      parts.removeAll(Set.of(Part.KEY_UP, Part.VALUE_UP));
    }
    if (layer.spec().query() instanceof QueryPath.Mixed) {
      parts.remove(Part.QUERY); // fits leave it
    }
    return parts;
  }

  private float[] normal(int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
