package dev.regroup.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import dev.regroup.verify.compare.PlantedFault;
import dev.regroup.verify.compare.Subject;
import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.ControlFindings;
import dev.regroup.verify.report.DecodeFindings;
import dev.regroup.verify.report.LayerFinding;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.LogitFindings;
import dev.regroup.verify.report.Status;
import dev.regroup.verify.report.Thresholds;
import dev.regroup.verify.report.Verdict;
import dev.regroup.verify.report.VerificationReport;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VerifierTest {
  private static final Thresholds RATIO_1_05 =
      new Thresholds(
          OptionalDouble.of(1.05), OptionalDouble.of(0.01), OptionalDouble.of(0.9), "test");

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "qwen3", "mistral", "deepseek-v2", "deepseek-v3"})
  void findsExactlyNothingBetweenAModelAndItself(String fixture) {
    VerificationReport report = Samples.verify(Samples.model(fixture), Samples.model(fixture));
    assertThat(report.verdict()).as(report.text()).isEqualTo(Verdict.PASS);
    LogitFindings logits = report.logits().orElseThrow();
    assertThat(logits.kl().value()).isZero();
    assertThat(logits.kl().upper()).isZero();
    assertThat(logits.klPercentiles().get(100.0)).isZero();
    assertThat(logits.perplexityRatio().value()).isEqualTo(1);
    assertThat(logits.top1().value()).isEqualTo(1);
    for (LayerFinding layer : report.layers()) {
      assertThat(layer.attentionError()).isZero();
      assertThat(layer.drift()).isZero();
      assertThat(layer.expertAgreement().orElse(1)).isEqualTo(1);
    }
    DecodeFindings decode = report.decode().orElseThrow();
    assertThat(decode.agreement()).isEqualTo(decode.continuation());
    assertThat(report.tensors().orElseThrow().attentionChanged()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "deepseek-v2"})
  void failsATargetWithOneHeadNegatedAndNamesItsLayer(String fixture) {
    Subject source = Samples.model(fixture);
    PlantedFault fault = PlantedFault.in(source);
    VerificationReport report = verify(source, fault.subject(), RATIO_1_05);
    assertThat(report.verdict()).as(report.text()).isEqualTo(Verdict.FAIL);
    for (LayerFinding layer : report.layers()) {
      assertThat(layer.attentionError() > 0).isEqualTo(layer.layer() == fault.layer());
    }
    assertThat(report.tensors().orElseThrow().attentionChanged()).isEqualTo(1);
    assertThat(status(report, "unchanged tensors")).isEqualTo(Status.PASS);
    assertThat(status(report, "target decode equals prefill")).isEqualTo(Status.PASS);
  }

  @Test
  void detectsItsOwnPlantedFaultWhateverTheTargetIs() {
    Subject source = Samples.model("llama-gqa");
    ControlFindings controls =
        Samples.verify(source, Samples.withGta(source)).controls().orElseThrow();
    assertThat(controls.identity().exact()).isTrue();
    assertThat(controls.fault().detected()).isTrue();
    assertThat(controls.fault().othersUnchanged()).isTrue();
    assertThat(controls.fault().klWith()).isNotEqualTo(controls.fault().klWithout());
  }

  @Test
  void passesWhatIsExactButSaysThatNothingIsKnownOfQualityWithoutAThreshold() {
    Subject source = Samples.model("llama-gqa");
    VerificationReport report = Samples.verify(source, Samples.withGta(source));
    assertThat(report.verdict()).as(report.text()).isEqualTo(Verdict.PASS);
    assertThat(report.reason()).contains("no quality threshold was given");
    assertThat(report.logits().orElseThrow().kl().value()).isGreaterThan(0.01);
    assertThat(status(report, "KL")).isEqualTo(Status.MEASURED);
  }

  @Test
  void failsRandomAttentionAgainstAThreshold() {
    Subject source = Samples.model("llama-gqa");
    VerificationReport report = verify(source, Samples.withGta(source), RATIO_1_05);
    assertThat(report.verdict()).isEqualTo(Verdict.FAIL);
    assertThat(status(report, "KL")).isEqualTo(Status.FAIL);
    assertThat(status(report, "top-1 agreement")).isEqualTo(Status.FAIL);
  }

  @Test
  void countsTheCacheThatTheDecoderAllocated() {
    Subject source = Samples.model("llama-gqa");
    VerificationReport report = Samples.verify(source, Samples.withGta(source));
    double layers = source.spec().layers().size();
    var gqa = source.spec().layers().getFirst().attention().layout();
    // BF16: keys and values of every kv head, against one state a kv head and one half rotary key
    double keys = 2 * layers * gqa.stateHeads() * gqa.valueDim();
    assertThat(report.cache().source().measured()).hasValue(2 * keys);
    assertThat(report.cache().target().measured()).hasValue(keys + 2 * layers * gqa.valueDim() / 2);
    assertThat(report.cache().target().agree()).isTrue();
    assertThat(report.cache().perRank()).hasSize(4);
  }

  @Test
  void failsATargetWhoseOtherWeightsWereTouched() {
    Subject source = Samples.model("llama-gqa");
    String tensor = "model.layers.0.mlp.up_proj.weight";
    Subject target =
        Samples.with(
            source,
            tensor,
            x -> {
              x[5] = Math.nextUp(x[5]);
              return x;
            });
    VerificationReport report = Samples.verify(source, target);
    assertThat(report.verdict()).isEqualTo(Verdict.FAIL);
    assertThat(report.reason()).contains("unchanged tensors").contains(tensor);
  }

  @Test
  void namesNotANumberInsteadOfJudgingIt() {
    Subject source = Samples.model("llama-gqa");
    String tensor = "model.layers.1.self_attn.o_proj.weight";
    Subject target =
        Samples.with(
            source,
            tensor,
            x -> {
              x[5] = Float.NaN;
              return x;
            });
    VerificationReport report = verify(source, target, RATIO_1_05);
    assertThat(report.verdict()).isEqualTo(Verdict.FAIL);
    assertThat(report.tensors().orElseThrow().notFinite()).containsExactly(tensor);
    assertThat(status(report, "finite weights")).isEqualTo(Status.FAIL);
    assertThat(status(report, "finite logits")).isEqualTo(Status.FAIL);
    assertThat(status(report, "KL")).isEqualTo(Status.FAIL);
    assertThat(status(report, "target decode equals prefill")).isEqualTo(Status.FAIL);
    assertThat(check(report, "finite logits").reason()).contains("target: window 0, position 0");
    assertThat(report.json()).doesNotContain("NaN\"").doesNotContain(": NaN");
  }

  @Test
  void runsWhatNeedsNoTextOnRandomTokens() {
    Subject source = Samples.model("llama-gqa");
    VerificationReport report =
        Verifier.verify(source, source, VerifyOptions.on(Optional.empty()), Progress.NONE);
    assertThat(report.verdict()).as(report.text()).isEqualTo(Verdict.PASS);
    assertThat(report.tokens().random()).isTrue();
    assertThat(report.logits()).isEmpty();
    assertThat(status(report, "quality")).isEqualTo(Status.SKIPPED);
    assertThat(report.layers()).isNotEmpty();
  }

  @Test
  void neverPassesWhenWhatWasAskedForWasSkipped() {
    Subject source = Samples.model("llama-gqa");
    var named = new VerifyOptions(Optional.empty(), Set.of(Level.LOGITS), Thresholds.none(), 8);
    assertThat(Verifier.verify(source, source, named, Progress.NONE).verdict())
        .isEqualTo(Verdict.INCONCLUSIVE);
    var limited = new VerifyOptions(Optional.empty(), Set.of(), RATIO_1_05, 8);
    assertThat(Verifier.verify(source, source, limited, Progress.NONE).verdict())
        .isEqualTo(Verdict.INCONCLUSIVE);
  }

  @Test
  void runsOnlyTheLevelsThatAreNamed() {
    Subject source = Samples.model("llama-gqa");
    var options = new VerifyOptions(Optional.empty(), Set.of(Level.TENSORS), Thresholds.none(), 8);
    VerificationReport report = Verifier.verify(source, source, options, Progress.NONE);
    assertThat(report.checks()).extracting(Check::level).containsOnly("tensors");
    assertThat(report.cache().target().measured()).isEmpty();
  }

  @Test
  void saysTheSameOnOneThreadAsOnMany() throws Exception {
    Subject source = Samples.model("deepseek-v2");
    Subject target = PlantedFault.in(source).subject();
    String many = Samples.verify(source, target).json();
    try (var one = new ForkJoinPool(1)) {
      assertThat(one.submit(() -> Samples.verify(source, target).json()).get()).isEqualTo(many);
    }
  }

  @Test
  void refusesModelsThatDifferInMoreThanAttention() {
    Subject source = Samples.model("llama-gqa");
    ModelSpec all = source.spec();
    var fewer =
        new ModelSpec(
            all.architecture(),
            all.hiddenSize(),
            all.vocabularySize(),
            all.layers().subList(1, all.layers().size()),
            all.normEpsilon(),
            all.tiedEmbeddings(),
            all.maxPositions(),
            0);
    assertThatThrownBy(
            () -> Samples.verify(source, new Subject("shorter", fewer, source.tensors())))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessage(
            "shorter: layers: expected %d as in the source, found %d -> verify a model made from"
                + " this source",
            all.layers().size(), all.layers().size() - 1);
  }

  @Test
  void failsATargetWhoseConfigSaysSomethingElseOutsideAttention() {
    VerificationReport report =
        Samples.verify(Samples.model("llama-gqa"), Samples.model("deepseek-v3"));
    assertThat(status(report, "config")).isEqualTo(Status.FAIL);
    assertThat(report.verdict()).isEqualTo(Verdict.FAIL);
  }

  @Test
  void refusesTextOfAnotherTokenizer() {
    Subject source = Samples.model("llama-gqa");
    var text = new TokenWindows("notes.txt", "", 2, List.of(new int[] {1, 99_999_999}));
    assertThatThrownBy(
            () ->
                Verifier.verify(source, source, VerifyOptions.on(Optional.of(text)), Progress.NONE))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith("notes.txt: token 99999999: expected ids below llama-gqa's");
  }

  @Test
  void verifiesTwoDirectories(@TempDir Path folder) {
    Fixtures.write("deepseek-v2", folder.resolve("source"), 3);
    Fixtures.write("deepseek-v2", folder.resolve("target"), 3, 2);
    try (Checkpoint source = Checkpoints.open(folder.resolve("source"));
        Checkpoint target = Checkpoints.open(folder.resolve("target"))) {
      VerificationReport report =
          Verifier.verify(source, target, VerifyOptions.on(Optional.empty()), Progress.NONE);
      assertThat(report.verdict()).as(report.text()).isEqualTo(Verdict.PASS);
      assertThat(report.source().name()).isEqualTo(folder.resolve("source").toString());
      assertThat(report.tensors().orElseThrow().different()).isEmpty();
    }
  }

  @Test
  void refusesThresholdsOnALevelThatIsNotRun() {
    assertThatThrownBy(
            () -> new VerifyOptions(Optional.empty(), Set.of(Level.TENSORS), RATIO_1_05, 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"logits\"");
  }

  private static VerificationReport verify(Subject source, Subject target, Thresholds thresholds) {
    var options =
        new VerifyOptions(Optional.of(Samples.windows(source, 4, 80)), Set.of(), thresholds, 80);
    return Verifier.verify(source, target, options, Progress.NONE);
  }

  private static Status status(VerificationReport report, String name) {
    return check(report, name).status();
  }

  private static Check check(VerificationReport report, String name) {
    return report.checks().stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
  }
}
