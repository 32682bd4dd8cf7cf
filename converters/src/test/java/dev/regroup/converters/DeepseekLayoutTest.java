package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.converters.InMemory.Statistics;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.Profile;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.fixtures.TransformersWitness;
import dev.regroup.fixtures.TransformersWitness.Question;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.node.ObjectNode;

/// Targets in DeepSeek's own layout: stock code has to load them and say what we say.
final class DeepseekLayoutTest {
  private static final ConversionRequest MLA = ConversionRequest.to(TargetLayout.MLA);
  private static final int WINDOW = 40;

  /// Of logits that are all below 10: float32 sums in another order.
  private static final float TOLERANCE = 1e-3f;

  @Test
  void saysInStockCodeWhatItSaysInOurs(@TempDir Path scratch) {
    var witness = TransformersWitness.find();
    assumeTrue(witness.isPresent(), witness::whyNot);
    List<Question> questions = new ArrayList<>();
    for (Profile profile : List.of(Profile.DEEPSEEK_V2, Profile.DEEPSEEK_V3)) {
      for (String name : List.of("llama-gqa", "llama-yarn", "qwen2")) {
        Path target = scratch.resolve(name + "-" + profile.label());
        ModelSpec spec = convert(name, MLA.withProfile(profile), target, scratch).target();
        questions.add(new Question(target, InMemory.tokens(spec, 5, WINDOW)));
      }
    }
    List<float[]> expected = witness.logits(questions, scratch);
    for (int i = 0; i < questions.size(); i++) {
      assertThat(logits(questions.get(i).model(), questions.get(i).tokens()))
          .as("%s", questions.get(i).model().getFileName())
          .containsExactly(expected.get(i), within(TOLERANCE));
    }
  }

  @ParameterizedTest
  @CsvSource({"llama-gqa, DEEPSEEK_V2", "llama-mha, DEEPSEEK_V3", "qwen2, DEEPSEEK_V2"})
  void isDescribedAsItWasPlanned(String name, Profile profile, @TempDir Path scratch) {
    Path target = scratch.resolve("target");
    ConversionRequest request = MLA.withProfile(profile).withRopeTheta(300);
    ConversionPlan plan = convert(name, request, target, scratch);
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      assertThat(Checkpoints.describe(checkpoint)).isEqualTo(plan.target());
    }
  }

  @Test
  void turnsAtTheTableOfItsConfigInEveryLayer(@TempDir Path scratch) {
    Path target = scratch.resolve("target");
    convert("llama-gqa", MLA, target, scratch);
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      double theta = checkpoint.config().number("rope_theta");
      assertThat(spec.layers())
          .extracting(layer -> layer.attention().rope())
          .containsOnly(
              Rope.standard(spec.layers().getFirst().attention().layout().ropeDim(), theta, true));
    }
  }

  @Test
  void turnsAtEveryFrequencyOfTheSourceThatItHasRoomFor(@TempDir Path scratch) {
    Path target = scratch.resolve("target");
    ModelSpec source = Fixtures.spec("llama-gqa");
    convert("llama-gqa", MLA, target, scratch);
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      double[] found =
          Checkpoints.describe(checkpoint).layers().getFirst().attention().rope().frequencies();
      List<Double> all = source.layers().getFirst().attention().rope().inverseFrequencies();
      for (double frequency : found) {
        assertThat(all)
            .as("frequencies of the source, among them %s", frequency)
            .anySatisfy(own -> assertThat(own).isCloseTo(frequency, withinPercentage(1e-4)));
      }
    }
  }

  /// One kv head turns at each frequency once, and so does DeepSeek's rotary key: nothing is lost but
  /// what the constant leaves of the norms, biases of queries, keys and values included.
  @ParameterizedTest
  @EnumSource(Statistics.class)
  void losesNothingOfMultiQueryAttention(Statistics by) {
    ModelSpec spec = Fixtures.spec("llama-mqa");
    Tensors weights = Fixtures.tensors(spec, 7);
    Transformer target =
        InMemory.convert(spec, weights, before -> latent(before, spec.hiddenSize()), by);
    int[] tokens = InMemory.tokens(spec, 1, InMemory.TOKENS);
    float[] before = new Transformer(spec, weights).logits(tokens);
    assertThat(InMemory.difference(before, target.logits(tokens))).isLessThan(1e-4);
  }

  private static AttentionSpec latent(AttentionSpec source, int hiddenSize) {
    Gqa gqa = (Gqa) source.layout();
    int dim = gqa.headDim();
    return new AttentionSpec(
        new Gla(gqa.queryHeads(), 1, dim + 1, dim, dim, dim),
        new QueryPath.LowRank(hiddenSize + 1, true),
        new StatePath.Latent(dim + 1, true, false, true),
        Rope.standard(dim, 10_000, true),
        1 / Math.sqrt(2 * dim),
        true,
        0);
  }

  @Test
  void cachesLatentsOfTheirOwnSize(@TempDir Path scratch) {
    Path target = scratch.resolve("target");
    ModelSpec spec = convert("llama-gqa", MLA, target, scratch).target();
    int latentDim = ((Gla) spec.layers().getFirst().attention().layout()).latentDim();
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      var model = new Transformer(Checkpoints.describe(checkpoint), checkpoint);
      var layer = model.layer(0);
      float[] hidden = model.embedding().embed(InMemory.tokens(spec, 3, WINDOW));
      float[] rows = layer.attention().project(layer.attentionInput(hidden, WINDOW), WINDOW).rows();
      double squares = 0;
      for (int token = 0; token < WINDOW; token++) {
        int at = token * rows.length / WINDOW;
        for (int i = 0; i < latentDim; i++) {
          squares += rows[at + i] * (double) rows[at + i];
        }
        assertThat(rows[at + latentDim - 1]).as("the constant of token %d", token).isZero();
      }
      assertThat(squares / WINDOW / latentDim).isBetween(0.02, 20.0);
    }
  }

  private static ConversionPlan convert(
      String name, ConversionRequest request, Path target, Path scratch) {
    Path from = scratch.resolve(target.getFileName() + "-source");
    Fixtures.write(name, from, 7);
    withoutWindow(from);
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, request);
      Conversions.convert(
          source, plan, Optional.of(windows(plan.source())), target, options(), Progress.NONE);
      return plan;
    }
  }

  private static TokenWindows windows(ModelSpec spec) {
    return new TokenWindows("random", "none", WINDOW, InMemory.windows(spec, 8, WINDOW));
  }

  private static ConversionOptions options() {
    return new ConversionOptions(FitOptions.DEFAULT.withSteps(4), 1, false, false, "test");
  }

  private static void withoutWindow(Path model) {
    Path file = model.resolve("config.json");
    ObjectNode config = ModelConfig.read(file).copy();
    config.remove("use_sliding_window");
    try {
      Files.writeString(file, ModelConfig.render(config));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static float[] logits(Path directory, int[] tokens) {
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      return new Transformer(Checkpoints.describe(checkpoint), checkpoint).logits(tokens);
    }
  }
}
