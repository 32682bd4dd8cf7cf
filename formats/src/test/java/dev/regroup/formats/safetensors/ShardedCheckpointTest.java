package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// A model of several files, and every way in which its index and its files can disagree.
final class ShardedCheckpointTest {
  private static final String FIRST = "model-00001-of-00002.safetensors";
  private static final String SECOND = "model-00002-of-00002.safetensors";

  @TempDir Path folder;
  private Path index;

  @BeforeEach
  void writeAModelOfTwoFiles() throws IOException {
    index = folder.resolve("model.safetensors.index.json");
    floats(FIRST, "a", 1f, 2f);
    floats(SECOND, "b", 3f);
    index(12, "\"a\": \"%s\", \"b\": \"%s\"".formatted(FIRST, SECOND));
  }

  @Test
  void readsTensorsFromAllFiles() {
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.floats("a")).containsExactly(1f, 2f);
      assertThat(checkpoint.floats("b")).containsExactly(3f);
      assertThat(checkpoint.infos()).extracting(TensorInfo::name).containsExactly("a", "b");
      assertThat(checkpoint.shards())
          .extracting(shard -> shard.file().getFileName().toString())
          .containsExactly(FIRST, SECOND);
      assertThat(checkpoint.warnings()).isEmpty();
      assertThat(checkpoint.sideFiles()).isEmpty();
    }
  }

  @Test
  void readsFilesOfSubFolders() throws IOException {
    Files.createDirectory(folder.resolve("sub"));
    Files.move(folder.resolve(SECOND), folder.resolve("sub").resolve(SECOND));
    index(12, "\"a\": \"./%s\", \"b\": \"sub/%s\"".formatted(FIRST, SECOND));
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.floats("b")).containsExactly(3f);
      assertThat(checkpoint.warnings()).isEmpty();
    }
  }

  @Test
  void listsAllFilesThatAreMissing() throws IOException {
    Files.delete(folder.resolve(SECOND));
    index(12, "\"a\": \"%s\", \"b\": \"%s\", \"c\": \"c.safetensors\"".formatted(FIRST, SECOND));
    assertRefused(
        folder
            + ": 2 of 3 shards are missing: c.safetensors, model-00002-of-00002.safetensors -> an"
            + " incomplete download? download them again");
  }

  @Test
  void refusesATensorThatIsNotInItsFile() throws IOException {
    index(12, "\"a\": \"%s\", \"b\": \"%s\", \"c\": \"%s\"".formatted(FIRST, SECOND, SECOND));
    assertRefused(
        index + ": tensor \"c\": expected in " + folder.resolve(SECOND) + ", found in no file");
  }

  @Test
  void refusesATensorThatIsInAnotherFile() throws IOException {
    floats(FIRST, "b", 3f);
    floats(SECOND, "a", 1f, 2f);
    assertRefused(
        index
            + ": tensor \"a\": expected in "
            + folder.resolve(FIRST)
            + ", found in "
            + folder.resolve(SECOND));
  }

  @Test
  void refusesATensorThatIsNotInTheIndex() throws IOException {
    Files.write(folder.resolve(SECOND), HandWritten.floats(new String[] {"b", "old"}, 3f, 4f));
    assertRefused(
        index + ": tensor \"old\": is in " + folder.resolve(SECOND) + ", not in the index");
  }

  @Test
  void refusesATensorThatIsInTwoFiles() throws IOException {
    Files.write(folder.resolve(SECOND), HandWritten.floats(new String[] {"a", "b"}, 1f, 3f));
    assertRefused(
        index
            + ": tensor \"a\": is in "
            + folder.resolve(FIRST)
            + " and in "
            + folder.resolve(SECOND));
  }

  @Test
  void refusesATruncatedFile() throws IOException {
    byte[] bytes = Files.readAllBytes(folder.resolve(SECOND));
    Files.write(folder.resolve(SECOND), Arrays.copyOf(bytes, bytes.length - 1));
    assertRefused(
        folder.resolve(SECOND)
            + ": expected %d bytes, found %d -> truncated"
                .formatted(bytes.length, bytes.length - 1));
  }

  @Test
  void refusesAPathThatLeadsOutside() throws IOException {
    index(12, "\"a\": \"../%s\"".formatted(FIRST));
    assertRefused(
        index + ": tensor \"a\": expected a file inside the model's directory, found \"../");
  }

  @Test
  void namesTheTargetOfABrokenLink() throws IOException {
    Files.delete(folder.resolve(SECOND));
    Files.createSymbolicLink(folder.resolve(SECOND), Path.of("../blobs/gone"));
    assertRefused(folder.resolve(SECOND) + ": expected a file, found a link to ../blobs/gone");
  }

  @Test
  void refusesADirectoryInPlaceOfAFile() throws IOException {
    Files.delete(folder.resolve(SECOND));
    Files.createDirectory(folder.resolve(SECOND));
    assertRefused(folder.resolve(SECOND) + ": expected a file, found a directory");
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  @Timeout(value = 10, unit = TimeUnit.SECONDS)
  void doesNotWaitForAPipe() throws IOException, InterruptedException {
    Files.delete(folder.resolve(SECOND));
    assertThat(new ProcessBuilder("mkfifo", folder.resolve(SECOND).toString()).start().waitFor())
        .isZero();
    assertRefused(folder.resolve(SECOND) + ": expected a file, found a pipe or device");
  }

  @Test
  void warnsOfAWrongTotalSize() throws IOException {
    index(13, "\"a\": \"%s\", \"b\": \"%s\"".formatted(FIRST, SECOND));
    assertWarns(index + ": \"total_size\": expected 12 bytes, found 13");
  }

  @Test
  void warnsOfAnIndexWithoutMetadata() throws IOException {
    Files.writeString(
        index, "{\"weight_map\": {\"a\": \"%s\", \"b\": \"%s\"}}".formatted(FIRST, SECOND));
    assertWarns(index + ": no \"metadata\"; transformers refuses to load such an index");
  }

  @Test
  void prefersTheIndexAndWarnsOfFilesThatItDoesNotName() throws IOException {
    floats("model.safetensors", "a", 7f);
    floats("model-00001-of-00030.safetensors", "a", 7f);
    assertWarns(
        folder.resolve("model-00001-of-00030.safetensors") + ": ignored: not in the index",
        folder.resolve("model.safetensors") + ": ignored: not in the index");
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.floats("a")).containsExactly(1f, 2f);
    }
  }

  private void assertWarns(String... warnings) {
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.warnings()).containsExactly(warnings);
    }
  }

  private void assertRefused(String message) {
    assertThatThrownBy(() -> Checkpoints.open(folder))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  private void floats(String name, String tensor, float... values) throws IOException {
    Files.write(folder.resolve(name), HandWritten.floats(tensor, values));
  }

  private void index(long totalSize, String map) throws IOException {
    Files.writeString(
        index,
        "{\"metadata\": {\"total_size\": %d}, \"weight_map\": {%s}}".formatted(totalSize, map));
  }
}
