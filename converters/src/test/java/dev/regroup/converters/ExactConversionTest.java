package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.InMemory.Statistics;
import dev.regroup.converters.calibrate.SourceValues;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A target with room for everything is the source over again: the closed form loses nothing but
/// rounding.
final class ExactConversionTest {
  /// Of the largest logit difference, relative to the logits' size.
  private static final double ROUNDING = 1e-4;

  private static final double FITTED = 1e-3;
  private static final int SEED = 7;

  private static final List<String> GQA =
      List.of(
          "llama-mha",
          "llama-gqa",
          "llama-mqa",
          "llama-linear",
          "llama-llama3",
          "llama-yarn",
          "mistral",
          "qwen2",
          "qwen3");

  private static final List<String> MLA =
      List.of("deepseek-v2", "deepseek-v2-lite", "deepseek-v3", "deepseek-v3-halves");

  private static Stream<Arguments> gqaTargets() {
    return GQA.stream()
        .flatMap(
            name -> {
              Gqa gqa = (Gqa) Fixtures.spec(name).layers().getFirst().attention().layout();
              Stream<Integer> latents =
                  gqa.kvHeads() == 1 ? Stream.of(1) : Stream.of(1, gqa.kvHeads());
              return latents.flatMap(
                  heads -> Stream.of(Statistics.values()).map(by -> Arguments.of(name, heads, by)));
            });
  }

  private static Stream<Arguments> mlaTargets() {
    return MLA.stream()
        .flatMap(
            name -> {
              Gla mla = (Gla) Fixtures.spec(name).layers().getFirst().attention().layout();
              return Stream.of(1, 2, mla.queryHeads())
                  .distinct()
                  .flatMap(
                      heads ->
                          Stream.of(Statistics.values()).map(by -> Arguments.of(name, heads, by)));
            });
  }

  @ParameterizedTest(name = "{0} to {1} latents, {2}")
  @MethodSource("gqaTargets")
  void keepsAllOfKeysAndValuesInWideLatents(
      String name, int heads, Statistics by, @TempDir Path scratch) {
    ModelSpec spec = Fixtures.spec(name);
    Gqa gqa = (Gqa) spec.layers().getFirst().attention().layout();
    ConversionRequest request =
        ConversionRequest.to(TargetLayout.GLA)
            .withLatents(heads, 2 * gqa.headDim() * gqa.kvHeads() / heads)
            .withRopeDim(gqa.kvHeads() * gqa.headDim());
    assertThat(converted(name, request, by, FitOptions.NONE, scratch)).isLessThan(ROUNDING);
  }

  @ParameterizedTest(name = "{0} to {1} latents, {2}")
  @MethodSource("mlaTargets")
  void keepsTheWholeLatentOfMla(String name, int heads, Statistics by, @TempDir Path scratch) {
    Gla mla = (Gla) Fixtures.spec(name).layers().getFirst().attention().layout();
    ConversionRequest request =
        ConversionRequest.to(TargetLayout.GLA).withLatents(heads, mla.latentDim());
    assertThat(converted(name, request, by, FitOptions.NONE, scratch)).isLessThan(ROUNDING);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-mqa",
        "llama-yarn",
        "mistral",
        "qwen2",
        "qwen3",
        "deepseek-v2",
        "deepseek-v2-lite"
      })
  void staysExactUnderTheFit(String name, @TempDir Path scratch) {
    ConversionRequest gla = ConversionRequest.to(TargetLayout.GLA);
    ConversionRequest request =
        switch (Fixtures.spec(name).layers().getFirst().attention().layout()) {
          case Gqa gqa ->
              gla.withLatents(1, 2 * gqa.headDim() * gqa.kvHeads())
                  .withRopeDim(gqa.kvHeads() * gqa.headDim());
          case Gla mla -> gla.withLatents(2, mla.latentDim());
          case Gta gta -> throw new AssertionError("not a source: " + gta);
        };
    assertThat(
            converted(
                name, request, Statistics.CALIBRATED, FitOptions.DEFAULT.withSteps(20), scratch))
        .isLessThan(FITTED);
  }

  private static Stream<Arguments> gqaSources() {
    return GQA.stream()
        .flatMap(name -> Stream.of(Statistics.values()).map(by -> Arguments.of(name, by)));
  }

  @ParameterizedTest(name = "{0}, {1}")
  @MethodSource("gqaSources")
  void keepsAllOfKeysAndValuesInWideTiedStates(String name, Statistics by) {
    ModelSpec spec = Fixtures.spec(name);
    for (int states : List.of(1, gqa(spec).kvHeads())) {
      assertThat(inMemory(spec, before -> tied(before, states, all(before)), by))
          .as("%d states", states)
          .isLessThan(ROUNDING);
    }
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(Statistics.class)
  void needsNoRotaryKeyWhereTheSourceDoesNotTurn(Statistics by) {
    for (String name : List.of("llama-gqa", "llama-yarn", "qwen2")) {
      ModelSpec still = InMemory.with(Fixtures.spec(name), ExactConversionTest::still);
      int heads = gqa(still).kvHeads();
      for (int states : List.of(1, heads)) {
        assertThat(inMemory(still, before -> tied(before, states, 2), by))
            .as("%s to GTA of %d states", name, states)
            .isLessThan(ROUNDING);
        assertThat(inMemory(still, before -> latent(before, states, 2), by))
            .as("%s to GLA of %d latents", name, states)
            .isLessThan(ROUNDING);
      }
    }
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(Statistics.class)
  void keepsMlaInWideTiedStates(Statistics by) {
    for (String name : MLA) {
      ModelSpec spec = Fixtures.spec(name);
      assertThat(inMemory(spec, before -> tiedMla(before, 2), by)).as(name).isLessThan(ROUNDING);
    }
  }

  private static double converted(
      String name, ConversionRequest request, Statistics by, FitOptions effort, Path scratch) {
    Path from = scratch.resolve("source");
    Path to = scratch.resolve("target");
    Fixtures.write(name, from, SEED);
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, request.withDtype(Dtype.F32));
      Optional<TokenWindows> windows =
          by == Statistics.PRIOR
              ? Optional.empty()
              : Optional.of(
                  new TokenWindows(
                      "random",
                      "none",
                      InMemory.TOKENS,
                      InMemory.windows(plan.source(), 4, InMemory.TOKENS)));
      var options = new ConversionOptions(effort, 1, false, false, "test");
      Conversions.convert(source, plan, windows, to, options, Progress.NONE);
      try (Checkpoint target = Checkpoints.open(to)) {
        return difference(
            new Transformer(plan.source(), source),
            new Transformer(Checkpoints.describe(target), target));
      }
    }
  }

  private static double inMemory(
      ModelSpec spec, UnaryOperator<AttentionSpec> target, Statistics by) {
    Tensors weights = Fixtures.tensors(spec, SEED);
    return difference(new Transformer(spec, weights), InMemory.convert(spec, weights, target, by));
  }

  private static double difference(Transformer source, Transformer target) {
    int[] tokens = InMemory.tokens(source.spec(), 1, InMemory.TOKENS);
    return InMemory.difference(source.logits(tokens), target.logits(tokens));
  }

  private static Gqa gqa(ModelSpec spec) {
    return (Gqa) spec.layers().getFirst().attention().layout();
  }

  /// A slot of the rotary key for every pair of every kv head.
  private static int all(AttentionSpec source) {
    Gqa gqa = (Gqa) source.layout();
    return gqa.kvHeads() * gqa.headDim();
  }

  /// The same attention blind to positions.
  private static AttentionSpec still(AttentionSpec spec) {
    Rope rope = spec.rope();
    return spec.withRope(
        new Rope(
            Collections.nCopies(rope.dim() / 2, 0.0), rope.interleaved(), rope.attentionFactor()));
  }

  /// GTA whose states hold all keys of their heads and, beside them, all values.
  private static QueryPath queries(AttentionSpec source, boolean bias) {
    return SourceValues.normed(source)
        ? new QueryPath.Mixed(source.layout().queryDim(), bias)
        : new QueryPath.Direct(bias, false);
  }

  private static AttentionSpec tied(AttentionSpec source, int states, int ropeDim) {
    Gqa gqa = (Gqa) source.layout();
    int keys = gqa.kvHeads() / states * gqa.headDim();
    int stateDim = ropeDim + 2 * keys;
    boolean bias = source.state() instanceof StatePath.KeyValue(boolean b, boolean _) && b;
    return new AttentionSpec(
        new Gta(gqa.queryHeads(), states, stateDim, ropeDim),
        queries(source, bias),
        SourceValues.normed(source)
            ? new StatePath.Encoded(gqa.kvHeads(), gqa.headDim(), bias)
            : new StatePath.Tied(bias),
        rope(source.rope(), ropeDim),
        1 / Math.sqrt(stateDim),
        source.outputBias(),
        source.window());
  }

  private static AttentionSpec latent(AttentionSpec source, int heads, int ropeDim) {
    Gqa gqa = (Gqa) source.layout();
    int latentDim = gqa.kvHeads() / heads * 2 * gqa.headDim();
    boolean bias = source.state() instanceof StatePath.KeyValue(boolean b, boolean _) && b;
    return new AttentionSpec(
        new Gla(gqa.queryHeads(), heads, latentDim, gqa.headDim(), ropeDim, gqa.headDim()),
        queries(source, bias),
        SourceValues.normed(source)
            ? new StatePath.Encoded(gqa.kvHeads(), gqa.headDim(), bias)
            : new StatePath.Latent(heads * latentDim, false, false, bias),
        rope(source.rope(), ropeDim),
        1 / Math.sqrt(gqa.headDim() + ropeDim),
        source.outputBias(),
        source.window());
  }

  /// GTA behind MLA's norm: the key half of a state has room for the latent, and so the state.
  private static AttentionSpec tiedMla(AttentionSpec source, int states) {
    Gla mla = (Gla) source.layout();
    int stateDim = mla.latentDim() + mla.ropeDim();
    var state = (StatePath.Latent) source.state();
    return new AttentionSpec(
        new Gta(mla.queryHeads(), states, stateDim, mla.ropeDim()),
        source.query(),
        new StatePath.Latent(state.rank(), true, true, state.bias()),
        source.rope(),
        1 / Math.sqrt(stateDim),
        source.outputBias(),
        source.window());
  }

  /// Any frequencies: the closed form puts the slots' own in.
  private static Rope rope(Rope source, int dim) {
    List<Double> frequencies = new ArrayList<>(Collections.nCopies(dim / 2, 1.0));
    return new Rope(frequencies, source.interleaved(), source.attentionFactor());
  }
}
