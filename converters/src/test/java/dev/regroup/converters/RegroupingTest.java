package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.InMemory.Statistics;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.Planner;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.Transformer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Heads have no order: a source whose heads are shuffled is the same model, and so is what becomes
/// of it where the same heads share a state.
final class RegroupingTest {
  private static final double ROUNDING = 1e-4;
  private static final int SEED = 7;

  private static Stream<Arguments> orders() {
    return Stream.of(
            Arguments.of("every order for GTA", ConversionRequest.to(TargetLayout.GTA), 3, 1, 0, 2),
            Arguments.of("within latents of two", gla(2), 1, 0, 3, 2),
            Arguments.of("latents of two swapped", gla(2), 2, 3, 0, 1),
            Arguments.of("every order for one latent", gla(1), 2, 0, 3, 1),
            Arguments.of("every order for a latent each", gla(4), 2, 0, 3, 1),
            Arguments.of(
                "within tied states of two",
                ConversionRequest.to(TargetLayout.GTA).withKvHeads(2),
                3,
                2,
                0,
                1))
        .flatMap(
            row ->
                Stream.of(Statistics.values())
                    .map(
                        by -> {
                          Object[] r = row.get();
                          return Arguments.of(r[0], r[1], List.of(r[2], r[3], r[4], r[5]), by);
                        }));
  }

  @ParameterizedTest(name = "{0}, {3}")
  @MethodSource("orders")
  void doesNotDependOnTheOrderOfHeads(
      String name, ConversionRequest request, List<Integer> order, Statistics by) {
    for (String model : List.of("llama-gqa", "mistral")) {
      ModelSpec spec = Fixtures.spec(model);
      Tensors plain = Fixtures.tensors(spec, SEED);
      Tensors shuffled = shuffled(spec, plain, order);
      int[] tokens = InMemory.tokens(spec, 1, InMemory.TOKENS);
      float[] source = new Transformer(spec, plain).logits(tokens);
      assertThat(InMemory.difference(source, new Transformer(spec, shuffled).logits(tokens)))
          .as("%s: the shuffled source is the same model", model)
          .isLessThan(ROUNDING);
      float[] expected = converted(spec, plain, request, by, tokens);
      assertThat(InMemory.difference(source, expected))
          .as("%s: the conversion loses something", model)
          .isGreaterThan(100 * ROUNDING);
      assertThat(InMemory.difference(expected, converted(spec, shuffled, request, by, tokens)))
          .as("%s: %s", model, name)
          .isLessThan(ROUNDING);
    }
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(Statistics.class)
  void dependsOnWhichHeadsShareALatent(Statistics by) {
    ModelSpec spec = Fixtures.spec("llama-gqa");
    Tensors plain = Fixtures.tensors(spec, SEED);
    int[] tokens = InMemory.tokens(spec, 1, InMemory.TOKENS);
    float[] expected = converted(spec, plain, gla(2), by, tokens);
    float[] other = converted(spec, shuffled(spec, plain, List.of(0, 2, 1, 3)), gla(2), by, tokens);
    assertThat(InMemory.difference(expected, other)).isGreaterThan(100 * ROUNDING);
  }

  private static ConversionRequest gla(int heads) {
    return ConversionRequest.to(TargetLayout.GLA).withLatents(heads, 16);
  }

  private static float[] converted(
      ModelSpec spec, Tensors weights, ConversionRequest request, Statistics by, int[] tokens) {
    ModelSpec target = Planner.plan(spec, weights.infos(), request).target();
    return InMemory.convert(spec, weights, _ -> target.layers().getFirst().attention(), by)
        .logits(tokens);
  }

  /// The same model, its kv head i at the place of its old kv head `order[i]`.
  private static Tensors shuffled(ModelSpec spec, Tensors weights, List<Integer> order) {
    Gqa gqa = (Gqa) spec.layers().getFirst().attention().layout();
    int group = gqa.queryHeads() / gqa.kvHeads();
    Map<String, float[]> tensors = new HashMap<>();
    Map<String, Shape> shapes = spec.tensors();
    shapes.keySet().forEach(name -> tensors.put(name, weights.floats(name)));
    for (int layer = 0; layer < spec.layers().size(); layer++) {
      int keys = gqa.headDim();
      tensors.computeIfPresent(
          AttentionTensor.K_PROJ.in(layer), (_, k) -> rows(k, gqa.kvHeads(), keys, order));
      tensors.computeIfPresent(
          AttentionTensor.V_PROJ.in(layer), (_, v) -> rows(v, gqa.kvHeads(), keys, order));
      tensors.computeIfPresent(
          AttentionTensor.Q_PROJ.in(layer), (_, q) -> rows(q, gqa.kvHeads(), group * keys, order));
      tensors.computeIfPresent(
          AttentionTensor.O_PROJ.in(layer),
          (_, o) -> columns(o, gqa.kvHeads() * group * keys, group * keys, order));
    }
    return Tensors.of(tensors, shapes);
  }

  private static float[] rows(float[] matrix, int parts, int each, List<Integer> order) {
    int columns = matrix.length / (parts * each);
    float[] moved = new float[matrix.length];
    for (int part = 0; part < parts; part++) {
      int length = each * columns;
      System.arraycopy(matrix, order.get(part) * length, moved, part * length, length);
    }
    return moved;
  }

  private static float[] columns(float[] matrix, int width, int each, List<Integer> order) {
    float[] moved = new float[matrix.length];
    for (int row = 0; row < matrix.length / width; row++) {
      for (int part = 0; part < width / each; part++) {
        System.arraycopy(
            matrix, row * width + order.get(part) * each, moved, row * width + part * each, each);
      }
    }
    return moved;
  }
}
