package dev.regroup.converters.refine;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.closedform.FactoredAttention.Biases;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;

/// Small converted layers of random maps, in every shape that derivatives could get wrong.
final class RandomLayers {
  static final int TOKENS = 14;
  private static final int HIDDEN = 12;
  private static final int LATENT = 9;
  private static final int QUERY_LATENT = 7;

  private final Random random;

  RandomLayers(long seed) {
    random = new Random(seed);
  }

  /// A layer's shape.
  ///
  /// @param fromMla whether queries and states read inputs of their own, as behind MLA's norms
  record Case(
      String name,
      AttentionLayout layout,
      boolean fromMla,
      boolean interleaved,
      double attentionFactor,
      int window) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> cases() {
    var gta = new Gta(4, 2, 6, 4);
    var gla = new Gla(4, 2, 5, 3, 4, 6);
    return Stream.of(
        new Case("GTA", gta, false, false, 1, 0),
        new Case("GTA of one state, window, interleaved", new Gta(4, 1, 6, 2), false, true, 1.3, 5),
        new Case("GTA without a key in its state", new Gta(4, 2, 4, 4), false, false, 1, 0),
        new Case("GTA from MLA", new Gta(4, 2, 8, 4), true, true, 1.2, 0),
        new Case("GLA", gla, false, false, 1, 0),
        new Case("GLA, window, YaRN", gla, false, false, 1.25, 4),
        new Case("GLA from MLA, interleaved", new Gla(4, 4, 5, 3, 4, 6), true, true, 1, 0),
        new Case("GLA of one latent from MLA", new Gla(4, 1, 8, 3, 2, 5), true, true, 1.1, 6));
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
            layout,
            new QueryPath.Direct(true, false),
            tied ? new StatePath.Tied(true) : new StatePath.Latent(states, false, false, true),
            rope,
            0.6,
            false,
            shape.window());
    int queries = layout.queryHeads() * layout.queryDim();
    int stateDim = layout.cacheRow().stateDim();
    return new FactoredAttention(
        spec,
        normal(queries * (shape.fromMla() ? QUERY_LATENT : HIDDEN), 0.35),
        normal(states * (shape.fromMla() ? LATENT : HIDDEN), 0.35),
        normal(layout.ropeDim() * HIDDEN, 0.35),
        normal(tied ? 0 : layout.queryHeads() * layout.nopeDim() * stateDim, 0.5),
        normal(tied ? 0 : layout.queryHeads() * layout.valueDim() * stateDim, 0.5),
        normal(HIDDEN * layout.queryHeads() * layout.valueDim(), 0.3),
        new Biases(normal(queries, 0.2), normal(states, 0.2), normal(layout.ropeDim(), 0.2)));
  }

  Inputs inputs(Case shape) {
    FloatBlock hidden = block(TOKENS, HIDDEN);
    return shape.fromMla()
        ? new Inputs(block(TOKENS, QUERY_LATENT), block(TOKENS, LATENT), hidden)
        : new Inputs(hidden, hidden, hidden);
  }

  /// A random value for each map of a layer.
  Maps direction(FactoredAttention layer, Set<Part> parts) {
    Map<Part, float[]> values = new EnumMap<>(Part.class);
    for (Part part : parts) {
      values.put(part, normal(Maps.get(layer, part).length, 0.3));
    }
    return new Maps(values);
  }

  FloatBlock block(int rows, int columns) {
    return FloatBlock.of(rows, columns, normal(rows * columns, 1));
  }

  static int hiddenSize() {
    return HIDDEN;
  }

  /// The parts that a layer has.
  static Set<Part> parts(FactoredAttention layer) {
    return layer.tied()
        ? Set.of(Part.QUERY, Part.STATE, Part.ROPE_KEY, Part.OUTPUT)
        : Set.of(Part.values());
  }

  private float[] normal(int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
