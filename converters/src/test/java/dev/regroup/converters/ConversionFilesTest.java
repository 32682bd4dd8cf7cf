package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.PlannedTensor;
import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.converters.refine.Refit;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a conversion leaves on disk: the whole checkpoint, or what was there before.
final class ConversionFilesTest {
  private static final int SEED = 7;
  private static final int WINDOW = 24;

  @TempDir private Path scratch = Path.of("");
  private Path from = scratch;
  private Path to = scratch;

  @BeforeEach
  void writeSource() {
    from = scratch.resolve("source");
    to = scratch.resolve("target");
    Fixtures.write("llama-gqa", from, SEED);
  }

  @ParameterizedTest
  @EnumSource(TargetLayout.class)
  void givesEqualBytesTwice(TargetLayout layout) {
    Path again = scratch.resolve("again");
    calibrated(ConversionRequest.to(layout), to);
    calibrated(ConversionRequest.to(layout), again);
    assertThat(contents(again)).isEqualTo(contents(to)).isNotEmpty();
  }

  @Test
  void leavesATargetThatIsThere() throws IOException {
    Files.createDirectory(to);
    Files.writeString(to.resolve("mine.txt"), "mine");
    assertRefused(() -> convert(ConversionRequest.to(TargetLayout.GTA), to, false))
        .hasMessageContaining(to.toString())
        .hasMessageContaining("--overwrite");
    assertThat(contents(to)).isEqualTo(Map.of("mine.txt", "mine"));
    assertThat(names(scratch)).containsExactly("source", "target");
  }

  @Test
  void replacesATargetOnRequestAndLeavesNoDebris() throws IOException {
    Files.createDirectories(to.resolve("nested"));
    Files.writeString(to.resolve("nested/mine.txt"), "mine");
    convert(ConversionRequest.to(TargetLayout.GTA), to, true);
    assertThat(names(to))
        .containsExactly(
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json");
    assertThat(names(scratch)).containsExactly("source", "target");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void leavesNothingOfARunThatFailsMidway(boolean calibrate) throws IOException {
    poison("model.layers.2.self_attn.k_proj.weight");
    assertThatThrownBy(
            () -> {
              if (calibrate) {
                calibrated(ConversionRequest.to(TargetLayout.GLA), to);
              } else {
                convert(ConversionRequest.to(TargetLayout.GLA), to, false);
              }
            })
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model.layers.2.self_attn.k_proj.weight")
        .hasMessageContaining("--allow-non-finite")
        .hasMessageNotContaining("\n");
    assertThat(names(scratch)).containsExactly("source");
  }

  @Test
  void keepsTheOldTargetWhereReplacingItFails() throws IOException {
    Files.createDirectory(to);
    Files.writeString(to.resolve("mine.txt"), "mine");
    poison("model.layers.2.self_attn.k_proj.weight");
    assertThatThrownBy(() -> convert(ConversionRequest.to(TargetLayout.GLA), to, true))
        .isInstanceOf(CheckpointException.class);
    assertThat(contents(to)).isEqualTo(Map.of("mine.txt", "mine"));
    assertThat(names(scratch)).containsExactly("source", "target");
  }

  @Test
  void letsNonFiniteWeightsCountAsZeroOnRequest() throws IOException {
    poison("model.layers.2.self_attn.k_proj.weight");
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, ConversionRequest.to(TargetLayout.GLA));
      var options = new ConversionOptions(Refit.Effort.NONE, 1, false, true, "test");
      Conversions.convert(source, plan, Optional.empty(), to, options, Progress.NONE);
    }
    float[] logits = logits(to);
    for (float logit : logits) {
      assertThat(Float.isFinite(logit)).isTrue();
    }
  }

  @Test
  void refusesATargetThatAnotherRunIsWriting() throws IOException {
    Path lockFile = scratch.resolve(".target.lock");
    try (FileChannel channel =
            FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = channel.lock()) {
      assertThat(lock.isValid()).isTrue();
      assertRefused(() -> convert(ConversionRequest.to(TargetLayout.GTA), to, false))
          .hasMessageContaining("another run");
      assertThat(lockFile).exists();
    }
    convert(ConversionRequest.to(TargetLayout.GTA), to, false);
    assertThat(names(scratch)).containsExactly("source", "target");
  }

  @Test
  void clearsAwayWhatAKilledRunLeft() throws IOException {
    Path partial = scratch.resolve(".target.partial");
    Files.createDirectories(partial.resolve("nested"));
    Files.writeString(partial.resolve("nested/junk"), "junk");
    Files.createFile(scratch.resolve(".target.lock"));
    convert(ConversionRequest.to(TargetLayout.GTA), to, false);
    assertThat(names(scratch)).containsExactly("source", "target");
    assertThat(names(to)).doesNotContain("nested").contains("config.json");
  }

  @Test
  void restoresATargetThatAKilledReplacementLeftAside() throws IOException {
    Path replaced = scratch.resolve(".target.replaced");
    Files.createDirectory(replaced);
    Files.writeString(replaced.resolve("mine.txt"), "mine");
    poison("model.layers.0.self_attn.v_proj.weight");
    assertThatThrownBy(() -> convert(ConversionRequest.to(TargetLayout.GLA), to, true))
        .isInstanceOf(CheckpointException.class);
    assertThat(contents(to)).isEqualTo(Map.of("mine.txt", "mine"));
    assertThat(names(scratch)).containsExactly("source", "target");
  }

  @Test
  void restoresATargetLeftAsideRatherThanWriteOverItUnasked() throws IOException {
    Path replaced = scratch.resolve(".target.replaced");
    Files.createDirectory(replaced);
    Files.writeString(replaced.resolve("mine.txt"), "mine");
    assertRefused(() -> convert(ConversionRequest.to(TargetLayout.GLA), to, false))
        .hasMessageContaining("--overwrite");
    assertThat(contents(to)).isEqualTo(Map.of("mine.txt", "mine"));
    assertThat(names(scratch)).containsExactly("source", "target");
  }

  @Test
  void dropsWhatAFinishedReplacementLeftAside() throws IOException {
    Files.createDirectory(to);
    Files.writeString(to.resolve("mine.txt"), "mine");
    Files.createDirectory(scratch.resolve(".target.replaced"));
    Files.writeString(scratch.resolve(".target.replaced").resolve("old.txt"), "old");
    convert(ConversionRequest.to(TargetLayout.GTA), to, true);
    assertThat(names(scratch)).containsExactly("source", "target");
    assertThat(names(to)).contains("config.json").doesNotContain("mine.txt", "old.txt");
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
        assertThat(target.sideFiles()).isEqualTo(source.sideFiles()).isNotEmpty();
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
  @EnumSource(TargetLayout.class)
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

  @Test
  void refusesTargetsInsideAndAroundTheSource() {
    for (Path target :
        List.of(from, from.resolve("inside"), scratch, from.resolve("../source/x"))) {
      assertRefused(() -> convert(ConversionRequest.to(TargetLayout.GTA), target, true))
          .hasMessageContaining("apart from the source");
    }
    assertThat(names(scratch)).containsExactly("source");
    assertThat(names(from)).contains("model.safetensors").doesNotContain("inside", "x");
  }

  @Test
  void refusesAFolderThatIsNotThere() {
    assertRefused(
            () -> convert(ConversionRequest.to(TargetLayout.GTA), scratch.resolve("no/x"), false))
        .hasMessageContaining("does not exist");
  }

  private static org.assertj.core.api.AbstractThrowableAssert<?, ?> assertRefused(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable conversion) {
    return assertThatThrownBy(conversion)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageNotContaining("\n");
  }

  private void convert(ConversionRequest request, Path target, boolean overwrite) {
    try (Checkpoint source = Checkpoints.open(from)) {
      convert(source, request, target, overwrite);
    }
  }

  private static ConversionPlan convert(
      Checkpoint source, ConversionRequest request, Path target, boolean overwrite) {
    ConversionPlan plan = Conversions.plan(source, request);
    var options = new ConversionOptions(Refit.Effort.NONE, 1, overwrite, false, "test");
    Conversions.convert(source, plan, Optional.empty(), target, options, Progress.NONE);
    return plan;
  }

  private void calibrated(ConversionRequest request, Path target) {
    try (Checkpoint source = Checkpoints.open(from)) {
      ConversionPlan plan = Conversions.plan(source, request);
      var windows =
          new TokenWindows("random", "none", WINDOW, InMemory.windows(plan.source(), 12, WINDOW));
      var options = new ConversionOptions(Refit.Effort.DEFAULT, 1, false, false, "test");
      Conversions.convert(source, plan, Optional.of(windows), target, options, Progress.NONE);
    }
  }

  private static float[] logits(Path directory) {
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      return new Transformer(spec, checkpoint).logits(InMemory.tokens(spec, 2, WINDOW));
    }
  }

  /// Overwrites one BF16 element in the middle of a tensor with NaN.
  private void poison(String tensor) throws IOException {
    Path file;
    long at;
    try (Checkpoint source = Checkpoints.open(from)) {
      Checkpoint.Location location = source.locate(tensor);
      file = location.file();
      at = location.offset() + location.bytes() / 4 * 2;
    }
    try (var data = new RandomAccessFile(file.toFile(), "rw")) {
      data.seek(at);
      data.write(new byte[] {(byte) 0xC0, 0x7F});
    }
  }

  private static ByteBuffer raw(Checkpoint checkpoint, String tensor) {
    ByteBuffer bytes = ByteBuffer.allocate((int) checkpoint.locate(tensor).bytes());
    checkpoint.read(tensor, 0, bytes);
    return bytes.flip();
  }

  private static List<String> names(Path directory) {
    try (Stream<Path> list = Files.list(directory)) {
      return list.map(path -> path.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Every file below a directory: short ones as they are, others as a hash.
  private static Map<String, String> contents(Path directory) {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(directory)) {
      for (Path path : walk.filter(Files::isRegularFile).toList()) {
        byte[] bytes = Files.readAllBytes(path);
        contents.put(
            directory.relativize(path).toString(),
            bytes.length < 100
                ? new String(bytes, java.nio.charset.StandardCharsets.UTF_8)
                : bytes.length + " bytes of hash " + Arrays.hashCode(bytes));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return contents;
  }
}
