package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.architecture.ModellingFiles;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.manifest.Manifest;
import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// What a conversion leaves on disk: the whole checkpoint, or what was there before.
final class ConversionFilesTest extends ConversionScenario {
  @ParameterizedTest
  @EnumSource(TargetLayout.class)
  void givesEqualBytesTwice(TargetLayout layout) {
    Path again = scratch.resolve("again");
    calibrated(ConversionRequest.to(layout), to);
    calibrated(ConversionRequest.to(layout), again);
    assertThat(contents(again)).isEqualTo(contents(to)).isNotEmpty();
  }

  @Test
  void namesTheLayerAndTheTensorWhoseActivationsAreNotFinite() throws IOException {
    poison("model.layers.2.self_attn.k_proj.weight");
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, ConversionRequest.to(TargetLayout.GLA));
      var text =
          new TokenWindows("random", "none", WINDOW, InMemory.windows(plan.source(), 12, WINDOW));
      var options = new ConversionOptions(FitOptions.NONE, 1, false, true, "test");
      assertThatThrownBy(
              () ->
                  Conversions.convert(source, plan, Optional.of(text), to, options, Progress.NONE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith("layer 2: keys and values, output of self_attn.k*: ")
          .hasMessageNotContaining("\n");
    }
    assertThat(to).doesNotExist();
  }

  @Test
  void letsNonFiniteWeightsCountAsZeroOnRequest() throws IOException {
    poison("model.layers.2.self_attn.k_proj.weight");
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, ConversionRequest.to(TargetLayout.GLA));
      var options = new ConversionOptions(FitOptions.NONE, 1, false, true, "test");
      Conversions.convert(source, plan, Optional.empty(), to, options, Progress.NONE);
    }
    float[] logits = logits(to);
    for (float logit : logits) {
      assertThat(Float.isFinite(logit)).isTrue();
    }
  }

  /// A source's own modelling file is a side file like others, but its name is ours.
  @Test
  void carriesTheModellingFiles() throws IOException {
    String ours = ModellingFiles.NAMES.getFirst();
    Files.writeString(from.resolve(ours), "# the source's");
    Files.writeString(from.resolve("tokenization_x.py"), "# the source's");
    convert(ConversionRequest.to(TargetLayout.GLA), to, false);
    var files = Manifest.find(to).orElseThrow().files();
    for (String name : ModellingFiles.NAMES) {
      byte[] bytes = ModellingFiles.bytes(name);
      assertThat(to.resolve(name)).hasBinaryContent(bytes);
      assertThat(files)
          .filteredOn(file -> file.name().equals(name))
          .containsExactly(new Manifest.OutputFile(name, bytes.length, Sha256.of(bytes)));
    }
    assertThat(to.resolve("tokenization_x.py")).hasContent("# the source's");
    assertThat(ModelConfig.read(to.resolve("config.json")).object("auto_map")).isPresent();
  }

  @Test
  void leavesThemOutWhereStockCodeLoadsTheModel() throws IOException {
    convert(ConversionRequest.to(TargetLayout.MLA), to, false);
    for (String name : ModellingFiles.NAMES) {
      assertThat(to.resolve(name)).doesNotExist();
    }
    assertThat(ModelConfig.read(to.resolve("config.json")).has("auto_map")).isFalse();
  }

  @ParameterizedTest(name = "{0} to {1}")
  @CsvSource({
    "llama-gqa,GTA",
    "llama-gqa,GLA",
    "qwen2,GTA",
    "deepseek-v2,GLA",
    "deepseek-v2-lite,GTA"
  })
  void copiesKeptTensorsAndSideFilesByteForByte(String model, TargetLayout layout)
      throws IOException {
    Path directory = scratch.resolve(model);
    Fixtures.write(model, directory, SEED, 3);
    Files.createDirectory(directory.resolve("extra"));
    Files.writeString(directory.resolve("extra/LICENSE"), "a licence");
    try (Checkpoint source = Checkpoints.open(directory)) {
      ConversionPlan plan = convert(source, ConversionRequest.to(layout), to, false);
      try (Checkpoint target = Checkpoints.open(to)) {
        assertThat(target.infos()).hasSameElementsAs(plan.output());
        for (PlannedTensor kept : plan.tensors(Fate.KEPT)) {
          String name = kept.info().name();
          assertThat(raw(target, name)).as(name).isEqualTo(raw(source, name));
        }
        assertThat(target.sideFiles())
            .containsAll(source.sideFiles())
            .hasSize(source.sideFiles().size() + ModellingFiles.NAMES.size());
        for (Path file : source.sideFiles()) {
          assertThat(to.resolve(file)).hasSameBinaryContentAs(directory.resolve(file));
        }
      }
    }
  }

  @ParameterizedTest(name = "{0} to {1}")
  @CsvSource({
    "llama-gqa,GTA",
    "llama-gqa,GLA",
    "mistral,GTA",
    "qwen2,GLA",
    "deepseek-v2,GLA",
    "deepseek-v2,GTA",
    "deepseek-v2-lite,GTA",
    "deepseek-v3,GLA"
  })
  void writesACheckpointThatDescribesAndDecodes(String model, TargetLayout layout) {
    Path directory = scratch.resolve(model);
    Fixtures.write(model, directory, SEED);
    try (Checkpoint source = Checkpoints.open(directory)) {
      ConversionPlan plan = convert(source, ConversionRequest.to(layout), to, false);
      try (Checkpoint target = Checkpoints.open(to)) {
        ModelSpec spec = Checkpoints.describe(target);
        assertThat(spec.architecture()).isEqualTo("regroup");
        assertThat(spec.tensors()).isEqualTo(plan.target().tensors());
        assertThat(spec.layers().stream().map(l -> l.attention().layout()))
            .isEqualTo(plan.target().layers().stream().map(l -> l.attention().layout()).toList());
        var transformer = new Transformer(spec, target);
        int[] tokens = InMemory.tokens(spec, 4, 40);
        float[] whole = transformer.logits(tokens);
        var decoder = new Decoder(transformer);
        float[] stepped = new float[whole.length];
        for (int t = 0; t < tokens.length; t++) {
          System.arraycopy(
              decoder.step(tokens[t]),
              0,
              stepped,
              t * spec.vocabularySize(),
              spec.vocabularySize());
        }
        assertThat(InMemory.difference(whole, stepped)).isLessThan(1e-4);
      }
    }
  }

  @Test
  void writesTheDtypeAndTheShardsAskedFor() {
    ConversionRequest request =
        ConversionRequest.to(TargetLayout.GLA).withDtype(Dtype.F32).withMaxShardBytes(60_000);
    ConversionPlan plan;
    try (Checkpoint source = Checkpoints.open(from)) {
      plan = convert(source, request, to, false);
    }
    assertThat(names(to).stream().filter(name -> name.endsWith(".safetensors")))
        .hasSizeGreaterThan(2)
        .isEqualTo(plan.shards().files().stream().map(file -> file.name()).toList());
    assertThat(names(to)).contains("model.safetensors.index.json");
    try (Checkpoint target = Checkpoints.open(to)) {
      Checkpoints.describe(target);
      plan.tensors(Fate.WRITTEN)
          .forEach(
              tensor ->
                  assertThat(target.find(tensor.info().name()).orElseThrow().dtype())
                      .isEqualTo(Dtype.F32));
      plan.tensors(Fate.KEPT)
          .forEach(
              tensor ->
                  assertThat(target.find(tensor.info().name()).orElseThrow().dtype())
                      .isEqualTo(Dtype.BF16));
    }
    assertThat(logits(to)).doesNotContain(Float.NaN);
  }

  @ParameterizedTest
  @EnumSource(
      value = TargetLayout.class,
      names = {"GTA", "GLA"})
  void refusesItsOwnOutputAsASource(TargetLayout layout) {
    convert(ConversionRequest.to(layout), to, false);
    try (Checkpoint regrouped = Checkpoints.open(to)) {
      for (TargetLayout next : TargetLayout.values()) {
        assertThatThrownBy(() -> Conversions.plan(regrouped, ConversionRequest.to(next)))
            .isInstanceOf(UnsupportedModelException.class)
            .hasMessageContaining("is a target only")
            .hasMessageContaining("the original model")
            .hasMessageNotContaining("\n");
      }
    }
  }
}
