package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.AttentionSublayers;
import dev.regroup.runtime.model.Operations;
import dev.regroup.runtime.model.Projected;
import dev.regroup.runtime.model.RandomAttention;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// An attention sublayer on the device says what the scalar one says: float32 to the rounding of its
/// sums, BF16 to the rounding of its operands, by cuBLAS and by our own products.
final class CudaSublayerTest {
  private static final double FLOAT32 = 5e-6;
  private static final double BFLOAT16 = 2e-2;

  private static double limit(Precision precision) {
    return precision == Precision.FLOAT32 ? FLOAT32 : BFLOAT16;
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void everyPathGivesWhatTheDefinitionGives(Precision precision) {
    try (CudaContext context = Gpu.open();
        var backend = new CudaBackend(context, precision, Gemm.own(context))) {
      RandomAttention.specs().forEach(spec -> check(backend, spec, limit(precision)));
    }
  }

  private static void check(CudaBackend backend, AttentionSpec spec, double limit) {
    int tokens = 70; // more than a tile of keys
    float[] x = RandomAttention.gaussian(new Random(3), tokens * RandomAttention.HIDDEN, 1);
    AttentionSublayer expected = RandomAttention.sublayer(spec, Operations.scalar());
    try (AttentionSublayer found =
        backend.attention(spec, RandomAttention.HIDDEN, 1e-5, RandomAttention.weights(spec, 7))) {
      Projected plain = expected.project(x, tokens);
      Projected plainFound = found.project(x, tokens);
      same(spec, "queries", plainFound.queries(), plain.queries(), limit);
      same(spec, "rows", plainFound.rows(), plain.rows(), limit);
      Projected rotated = expected.rotate(plain, 5);
      Projected rotatedFound = found.rotate(plain, 5);
      same(spec, "rotated queries", rotatedFound.queries(), rotated.queries(), limit);
      same(spec, "rotated rows", rotatedFound.rows(), rotated.rows(), limit);
      same(spec, "heads", found.heads(rotated), expected.heads(rotated), limit);
      float[] absorbed = expected.absorb(rotated);
      same(spec, "absorbed", found.absorb(rotated), absorbed, limit);
      int width = spec.layout().queryHeads() * spec.layout().cacheRow().value().width();
      float[] attended = RandomAttention.gaussian(new Random(4), tokens * width, 1);
      same(
          spec,
          "expanded",
          found.expand(attended, tokens),
          expected.expand(attended, tokens),
          limit);
      same(spec, "whole", found.forward(x, tokens), expected.forward(x, tokens), 2 * limit);
      if (limit == FLOAT32) {
        same(
            spec,
            "probabilities",
            found.probabilities(rotated, 1),
            expected.probabilities(rotated, 1),
            limit);
      }
    }
  }

  private static void same(
      AttentionSpec spec, String what, float[] found, float[] expected, double limit) {
    assertThat(found).as("%s of %s", what, spec).hasSameSizeAs(expected);
    assertThat(Gpu.relativeError(found, expected)).as("%s of %s", what, spec).isLessThan(limit);
  }

  /// Heads as wide as real models', which take the tensor cores' tiles.
  static Stream<AttentionSpec> wide() {
    return Stream.of(
        spec(new Gqa(4, 2, 64), new StatePath.KeyValue(false, false), 0),
        spec(new Gqa(4, 1, 128), new StatePath.KeyValue(false, false), 100),
        spec(new Gta(4, 2, 128, 64), new StatePath.Tied(false), 0),
        spec(new Gta(4, 2, 64, 32), new StatePath.Tied(false), 0),
        spec(new Gla(4, 1, 64, 128, 64, 128), new StatePath.Latent(64, true, false, false), 0),
        spec(new Gla(4, 2, 64, 32, 16, 32), new StatePath.Latent(128, true, false, false), 0),
        spec(new Gqa(2, 1, 256), new StatePath.KeyValue(false, false), 0),
        spec(new Gqa(2, 1, 80), new StatePath.KeyValue(false, false), 0));
  }

  private static AttentionSpec spec(AttentionLayout layout, StatePath state, int window) {
    return new AttentionSpec(
        layout,
        new QueryPath.Direct(false, false),
        state,
        Rope.standard(layout.ropeDim(), 10000, false),
        1 / Math.sqrt(layout.queryDim()),
        false,
        window);
  }

  @Test
  void wideHeadsAttendOverSeveralTiles() {
    try (CudaContext context = Gpu.open()) {
      for (Precision precision : Precision.values()) {
        try (var backend = new CudaBackend(context, precision)) {
          wide().forEach(spec -> wide(backend, spec, limit(precision)));
        }
      }
    }
  }

  private static void wide(CudaBackend backend, AttentionSpec spec, double limit) {
    int hidden = 96;
    var random = new Random(8);
    Map<AttentionTensor, float[]> weights = new EnumMap<>(AttentionTensor.class);
    spec.tensors(hidden)
        .forEach(
            (tensor, shape) ->
                weights.put(
                    tensor,
                    RandomAttention.gaussian(
                        random,
                        (int) shape.elements(),
                        shape.rank() == 2 ? 2 / Math.sqrt((double) shape.extent(1)) : 1)));
    AttentionSublayer expected = AttentionSublayers.of(spec, hidden, 1e-5, weights);
    try (AttentionSublayer found = backend.attention(spec, hidden, 1e-5, weights)) {
      for (int tokens : new int[] {1, 63, 64, 65, 300}) {
        float[] x = RandomAttention.gaussian(random, tokens * hidden, 1);
        same(
            spec, tokens + " tokens", found.forward(x, tokens), expected.forward(x, tokens), limit);
      }
    }
  }
}
