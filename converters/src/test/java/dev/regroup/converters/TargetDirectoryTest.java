package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.formats.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A target is whole or absent, whatever happens on the way.
final class TargetDirectoryTest extends ConversionScenario {
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
            "attention_regroup.py",
            "config.json",
            "configuration_regroup.py",
            "generation_config.json",
            "model.safetensors",
            "modeling_regroup.py",
            "regroup.manifest.json",
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
}
