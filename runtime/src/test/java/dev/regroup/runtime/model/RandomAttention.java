package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.tensor.Shape;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/// Attention sublayers of every layout and path with random weights.
public final class RandomAttention {
  /// D.
  public static final int HIDDEN = 40;

  private RandomAttention() {}

  /// Every layout by every path that leads to it.
  public static Stream<AttentionSpec> specs() {
    var direct = new QueryPath.Direct(false, false);
    var biased = new QueryPath.Direct(true, false);
    var normed = new QueryPath.Direct(false, true);
    var lowRank = new QueryPath.LowRank(12, true);
    return Stream.of(
        spec(new Gqa(4, 4, 8), direct, new StatePath.KeyValue(false, false), false, 0),
        spec(new Gqa(6, 2, 8), biased, new StatePath.KeyValue(true, false), false, 0),
        spec(new Gqa(4, 1, 8), normed, new StatePath.KeyValue(false, true), false, 5),
        spec(new Gta(4, 2, 8, 4), biased, new StatePath.Tied(true), false, 0),
        spec(new Gta(4, 4, 8, 8), direct, new StatePath.Tied(false), false, 3),
        spec(new Gta(4, 2, 8, 4), lowRank, new StatePath.Latent(10, true, true, false), true, 0),
        spec(new Gta(4, 2, 8, 4), normed, new StatePath.Encoded(4, 6, false), false, 0),
        spec(
            new Gla(4, 1, 10, 6, 4, 5),
            lowRank,
            new StatePath.Latent(10, true, false, true),
            true,
            0),
        spec(
            new Gla(4, 2, 7, 6, 4, 5),
            direct,
            new StatePath.Latent(14, false, false, false),
            false,
            0),
        spec(
            new Gla(8, 8, 3, 6, 0, 5), direct, new StatePath.Latent(9, true, true, false), true, 4),
        spec(new Gla(4, 2, 6, 6, 2, 6), normed, new StatePath.Encoded(2, 8, true), false, 0));
  }

  /// A spec with odd frequencies, an attention factor, and a scale that no width gives.
  private static AttentionSpec spec(
      AttentionLayout layout, QueryPath query, StatePath state, boolean interleaved, int window) {
    Rope rope = new Rope(Rope.standardFrequencies(layout.ropeDim(), 100), interleaved, 1.1);
    return new AttentionSpec(layout, query, state, rope, 0.37, window > 0, window);
  }

  /// Random weights of a spec.
  public static Map<AttentionTensor, float[]> weights(AttentionSpec spec, long seed) {
    var random = new Random(seed);
    var weights = new EnumMap<AttentionTensor, float[]>(AttentionTensor.class);
    spec.tensors(HIDDEN)
        .forEach(
            (tensor, shape) ->
                weights.put(tensor, gaussian(random, (int) shape.elements(), width(shape))));
    return weights;
  }

  private static double width(Shape shape) {
    return shape.rank() == 2 ? 1 / Math.sqrt((double) shape.extent(1)) : 1;
  }

  /// Normal numbers of a given deviation.
  public static float[] gaussian(Random random, int count, double deviation) {
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = (float) (deviation * random.nextGaussian());
    }
    return x;
  }

  /// The sublayer over these weights.
  public static AttentionSublayer sublayer(AttentionSpec spec, Operations operations) {
    return AttentionSublayers.of(spec, HIDDEN, 1e-5, weights(spec, 7), operations);
  }
}
