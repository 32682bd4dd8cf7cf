package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// GLA-2 under the names of the published code, a norm for each latent.
final class ReferenceProfileTest {
  private static final ConversionRequest REFERENCE =
      ConversionRequest.to(TargetLayout.GLA).withProfile(Profile.REFERENCE);
  private static final int WINDOW = 40;

  @Test
  void saysWhatTheDefinitionSays(@TempDir Path scratch) {
    var witness = TransformersWitness.findReference();
    assumeTrue(witness.isPresent(), witness::whyNot);
    List<Question> questions = new ArrayList<>();
    for (String name : List.of("llama-gqa", "llama-yarn")) {
      Path target = scratch.resolve(name);
      ModelSpec spec = convert(name, REFERENCE, target, scratch).target();
      questions.add(new Question(target, InMemory.tokens(spec, 5, WINDOW)));
    }
    List<float[]> expected = witness.logits(questions, scratch);
    for (int i = 0; i < questions.size(); i++) {
      int[] tokens = questions.get(i).tokens();
      try (Checkpoint checkpoint = Checkpoints.open(questions.get(i).model())) {
        var model = new Transformer(Checkpoints.describe(checkpoint), checkpoint);
        assertThat(model.logits(tokens)).containsExactly(expected.get(i), within(1e-3f));
        assertThat(decoded(model, tokens)).containsExactly(expected.get(i), within(1e-3f));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "llama-llama3"})
  void writesTheTensorsOfThePublishedCode(String name, @TempDir Path scratch) {
    Path target = scratch.resolve("target");
    ConversionPlan plan = convert(name, REFERENCE.withRopeTheta(100), target, scratch);
    AttentionSpec attention = plan.target().layers().getFirst().attention();
    int dim = attention.layout().valueDim();
    int turning = attention.layout().ropeDim();
    int heads = attention.layout().queryHeads();
    assertThat(((Gla) attention.layout()).latentDim()).isEqualTo(2 * dim);
    Map<AttentionTensor, Shape> tensors = attention.tensors(64);
    assertThat(tensors)
        .containsEntry(AttentionTensor.W_DQ, Shape.of(8L * dim, 64))
        .containsEntry(AttentionTensor.Q_NORM, Shape.of(8L * dim))
        .containsEntry(
            AttentionTensor.W_UQ_ROPE, Shape.of((long) heads * (dim + turning), 8L * dim))
        .containsEntry(AttentionTensor.W_DKV, Shape.of(4L * dim + turning, 64))
        .containsEntry(AttentionTensor.KV_NORM_1, Shape.of(2L * dim))
        .containsEntry(AttentionTensor.W_UKV_2, Shape.of((long) heads * dim, 2L * dim))
        .containsEntry(AttentionTensor.W_UKV_2_BIAS, Shape.of((long) heads * dim))
        .doesNotContainKeys(AttentionTensor.Q_PROJ, AttentionTensor.KV_B_PROJ);
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      assertThat(Checkpoints.describe(checkpoint)).isEqualTo(plan.target());
      assertThat(checkpoint.infos().stream().map(info -> info.name()))
          .contains(
              "model.layers.0.self_attn.W_ukv_1.weight", "model.layers.1.self_attn.W_dQ.bias");
    }
  }

  @Test
  void dropsTheDirectionThatQueriesReadLeastWhereTheRankIsShort() {
    ModelSpec spec = Fixtures.spec("llama-mha");
    var weights = Fixtures.tensors(spec, 7);
    Transformer reference =
        InMemory.convert(spec, weights, before -> reference(before, 65), InMemory.Statistics.PRIOR);
    Transformer narrow =
        InMemory.convert(spec, weights, before -> reference(before, 64), InMemory.Statistics.PRIOR);
    int[] tokens = InMemory.tokens(spec, 1, InMemory.TOKENS);
    float[] wide = reference.logits(tokens);
    assertThat(InMemory.difference(wide, narrow.logits(tokens))).isBetween(1e-7, 0.05);
  }

  /// Ours are zero, but a tuned model's need not be.
  @Test
  void addsBiasesOfKeysAndValues(@TempDir Path scratch) {
    Path target = scratch.resolve("target");
    convert("llama-gqa", REFERENCE, target, scratch);
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      Map<String, float[]> changed = new HashMap<>();
      spec.tensors().keySet().forEach(name -> changed.put(name, checkpoint.floats(name)));
      int[] tokens = InMemory.tokens(spec, 5, WINDOW);
      float[] before = new Transformer(spec, Tensors.of(changed, spec.tensors())).logits(tokens);
      float[] bias =
          new float[Objects.requireNonNull(changed.get(name(AttentionTensor.W_UKV_2_BIAS))).length];
      int dim = spec.layers().getFirst().attention().layout().valueDim();
      bias[0] = 3; // of a key
      changed.put(name(AttentionTensor.W_UKV_2_BIAS), bias);
      var model = new Transformer(spec, Tensors.of(changed, spec.tensors()));
      assertThat(InMemory.difference(before, model.logits(tokens))).isLessThan(1e-6);
      bias[dim] = 3; // of a value
      float[] after = model.logits(tokens);
      assertThat(InMemory.difference(before, after)).isGreaterThan(1e-3);
      assertThat(decoded(model, tokens)).containsExactly(after, within(1e-3f));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"deepseek-v2", "qwen3", "mistral", "llama-mqa"})
  void refusesWhatItCannotExpress(String name, @TempDir Path scratch) {
    assertThatThrownBy(() -> convert(name, REFERENCE, scratch.resolve("target"), scratch))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageStartingWith("layer 0: --profile reference: ")
        .hasMessageNotContaining("\n");
  }

  private static String name(AttentionTensor tensor) {
    return tensor.in(0);
  }

  private static AttentionSpec reference(AttentionSpec source, int rank) {
    int dim = source.layout().valueDim();
    return new AttentionSpec(
        new Gla(source.layout().queryHeads(), 2, 2 * dim, dim, dim, dim),
        new QueryPath.Reference(rank),
        new StatePath.Reference(),
        Rope.standard(dim, 10_000, false),
        1 / Math.sqrt(2 * dim),
        false,
        0);
  }

  private static ConversionPlan convert(
      String name, ConversionRequest request, Path target, Path scratch) {
    Path from = scratch.resolve(name + "-source");
    Fixtures.write(name, from, 7);
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, request);
      var windows =
          new TokenWindows("random", "none", WINDOW, InMemory.windows(plan.source(), 8, WINDOW));
      var options = new ConversionOptions(FitOptions.DEFAULT.withSteps(5), 1, false, false, "test");
      Conversions.convert(source, plan, Optional.of(windows), target, options, Progress.NONE);
      return plan;
    }
  }

  private static float[] decoded(Transformer model, int[] tokens) {
    var decoder = new Decoder(model);
    float[] all = new float[0];
    for (int token : tokens) {
      float[] logits = decoder.step(token);
      int at = all.length;
      all = Arrays.copyOf(all, at + logits.length);
      System.arraycopy(logits, 0, all, at, logits.length);
    }
    return all;
  }
}
