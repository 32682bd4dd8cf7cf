package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.report.ConversionReport;
import dev.regroup.converters.report.FitOutcome;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Fits within whole conversions: tried on windows that they have not seen, dropped where there are none
/// to spare, the same however much memory there is, and told of what is wrong.
final class FitOnTrialTest {
  private static final int WINDOW = 48;
  private static final FitOptions FIT = FitOptions.DEFAULT.withSteps(40);

  @TempDir private Path scratch;

  @Test
  void leavesTheClosedFormWhereTextIsTooShortToTryAFit() {
    for (LayerReport layer : converted(3, FIT, "target").layers()) {
      assertThat(layer.measuredError()).isEqualTo(layer.closedFormError());
      assertThat(layer.fit()).isEmpty();
    }
  }

  @Test
  void lowersTheErrorWhereThereIsTextEnough() {
    for (LayerReport layer : converted(48, FIT, "target").layers()) {
      FitOutcome fit = layer.fit().orElseThrow();
      assertThat(fit.after()).isLessThan(fit.before());
      assertThat(fit.ending()).isEqualTo(FitOutcome.Ending.COMPLETED);
    }
  }

  @Test
  void givesTheSameBytesHoweverMuchOfTheActivationsLiesOnDisk() throws IOException {
    ConversionReport all = converted(24, FIT, "memory");
    ConversionReport none = converted(24, FIT.withMemory(0), "disk");
    assertThat(all.used().spilledBytes()).isZero();
    assertThat(none.used().spilledBytes()).isPositive();
    assertThat(all.used().peakHeapBytes()).isPositive();
    assertThat(Files.mismatch(weights("memory"), weights("disk"))).isEqualTo(-1);
  }

  @Test
  void feedsEachLayerTheSourceInParallelMode() {
    List<LayerReport> apart =
        converted(48, FIT.withMode(FitOptions.Mode.PARALLEL), "parallel").layers();
    List<LayerReport> chained = converted(48, FIT, "sequential").layers();
    assertThat(apart.getFirst()).isEqualTo(chained.getFirst());
    // what earlier layers lost is part of the error where layers are chained
    FitOutcome alone = apart.getLast().fit().orElseThrow();
    assertThat(alone.before()).isLessThan(chained.getLast().fit().orElseThrow().before());
  }

  /// At this rate no step of the first layer helps, at a quarter of it some do.
  @Test
  void triesShorterStepsWhereNoneHelped() {
    FitOutcome fit =
        converted(48, FIT.withRate(0.4), "target").layers().getFirst().fit().orElseThrow();
    assertThat(fit.bestStep()).isPositive();
    assertThat(fit.after()).isLessThan(fit.before());
  }

  @Test
  void reportsAFitThatDivergesAndKeepsTheBest() {
    for (LayerReport layer : converted(24, FIT.withRate(100), "target").layers()) {
      FitOutcome fit = layer.fit().orElseThrow();
      assertThat(fit.ending()).isEqualTo(FitOutcome.Ending.DIVERGED);
      assertThat(fit.after()).isLessThanOrEqualTo(fit.before());
    }
  }

  @Test
  void writesQueriesAndOutputsOfMlaAnewWhereTheyAreFitted() {
    Fixtures.write("deepseek-v2", scratch.resolve("source"), 5);
    Map<String, float[]> kept = attention(0);
    Map<String, float[]> fitted = attention(20);
    try (Checkpoint source = Checkpoints.open(scratch.resolve("source"))) {
      for (String name : kept.keySet()) {
        float[] before = source.floats(name);
        assertThat(kept.get(name)).as(name).isEqualTo(before);
        assertThat(Arrays.equals(fitted.get(name), before))
            .as("%s unchanged by the fit", name)
            .isEqualTo(name.contains("_a_"));
      }
    }
  }

  /// Tensors that MLA and GLA have alike, of layer 1 after a conversion with so many steps.
  private Map<String, float[]> attention(int steps) {
    String target = "steps-" + steps;
    converted(48, WINDOW, FitOptions.DEFAULT.withSteps(steps), TargetLayout.GLA, target);
    Map<String, float[]> tensors = new HashMap<>();
    try (Checkpoint made = Checkpoints.open(scratch.resolve(target))) {
      for (String name : List.of("q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "o_proj")) {
        String full = "model.layers.1.self_attn." + name + ".weight";
        tensors.put(full, made.floats(full));
      }
    }
    return tensors;
  }

  @Test
  void namesTheTokensThatARankNeeds() {
    assertThatThrownBy(() -> converted(1, 4, FIT, "target"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll("rank 8", "at least 8 tokens", "found 4")
        .hasMessageNotContaining("\n");
    assertThat(scratch.resolve("target")).doesNotExist();
  }

  private Path weights(String target) {
    return scratch.resolve(target).resolve("model.safetensors");
  }

  private ConversionReport converted(int windows, FitOptions fit, String target) {
    return converted(windows, WINDOW, fit, target);
  }

  private ConversionReport converted(int windows, int tokens, FitOptions fit, String target) {
    return converted(windows, tokens, fit, TargetLayout.GTA, target);
  }

  private ConversionReport converted(
      int windows, int tokens, FitOptions fit, TargetLayout layout, String target) {
    Path model = scratch.resolve("source");
    if (!Files.exists(model)) {
      Fixtures.write("llama-gqa", model, 5);
    }
    try (Checkpoint source = Checkpoints.open(model)) {
      var random = new Random(3);
      int vocabulary = Checkpoints.describe(source).vocabularySize();
      List<int[]> text =
          IntStream.range(0, windows)
              .mapToObj(w -> random.ints(tokens, 0, vocabulary).toArray())
              .toList();
      return Conversions.convert(
          source,
          Conversions.plan(source, ConversionRequest.to(layout), fit, tokens),
          Optional.of(new TokenWindows("random", "", tokens, text)),
          scratch.resolve(target),
          new ConversionOptions(fit, 1, false, false, "test"),
          Progress.NONE);
    }
  }
}
