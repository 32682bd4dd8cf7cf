package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.InMemory.Statistics;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.Planner;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.Transformer;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// An MLA model whose even heads read one half of the latent and whose odd heads the other: two latents
/// of half the rank carry all of it, if the right heads share them.
final class MlaHeadsTest {
  private static final double ROUNDING = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"deepseek-v2", "deepseek-v2-lite"})
  void losesNothingWhereHeadsMayChangePlaces(String name) {
    ModelSpec spec = Fixtures.spec(name);
    Gla mla = (Gla) spec.layers().getFirst().attention().layout();
    Tensors weights = halved(spec, mla);
    int[] tokens = InMemory.tokens(spec, 1, InMemory.TOKENS);
    float[] source = new Transformer(spec, weights).logits(tokens);
    assertThat(difference(source, spec, weights, mla, true, tokens)).isLessThan(ROUNDING);
    assertThat(difference(source, spec, weights, mla, false, tokens))
        .as("in the source's order")
        .isGreaterThan(100 * ROUNDING);
  }

  private static double difference(
      float[] source, ModelSpec spec, Tensors weights, Gla mla, boolean regroup, int[] tokens) {
    ConversionRequest request =
        ConversionRequest.to(TargetLayout.GLA).withLatents(2, mla.latentDim() / 2);
    ModelSpec target = Planner.plan(spec, weights.infos(), request).target();
    Transformer converted =
        InMemory.convert(
            spec,
            weights,
            before -> target.layers().getFirst().attention(),
            Statistics.CALIBRATED,
            regroup);
    return InMemory.difference(source, converted.logits(tokens));
  }

  /// Random weights, of which each head's keys and values read half of the latent alone.
  private static Tensors halved(ModelSpec spec, Gla mla) {
    Tensors plain = Fixtures.tensors(spec, 5);
    Map<String, float[]> tensors = new HashMap<>();
    spec.tensors().keySet().forEach(tensor -> tensors.put(tensor, plain.floats(tensor).clone()));
    int rank = mla.latentDim();
    int rows = mla.nopeDim() + mla.valueDim();
    for (int layer = 0; layer < spec.layers().size(); layer++) {
      float[] up = Objects.requireNonNull(tensors.get(AttentionTensor.KV_B_PROJ.in(layer)));
      for (int i = 0; i < up.length; i++) {
        int head = i / (rank * rows);
        if (i % rank / (rank / 2) != head % 2) {
          up[i] = 0;
        }
      }
    }
    return Tensors.of(tensors, spec.tensors());
  }
}
