package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.HandWritten.tensor;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelFiles;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.stored.StoredCheckpoint;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A model of one file: what is read from it, what goes along, and what is refused.
final class SafetensorsCheckpointTest {
  @TempDir Path folder;

  @Test
  void readsADirectoryOfOneFile() throws IOException {
    write("config.json", "{\"model_type\": \"llama\"}");
    write("tokenizer.json", "{}");
    write("LICENSE", "free");
    write(".hidden", "");
    write("old.index.json", "{}");
    Files.createDirectory(folder.resolve("runs"));
    floats("model.safetensors", "w", 1.5f, -2f);
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.path()).isEqualTo(folder);
      assertThat(checkpoint.config().text("model_type")).isEqualTo("llama");
      assertThat(checkpoint.floats("w")).containsExactly(1.5f, -2f);
      assertThat(checkpoint.infos()).extracting(TensorInfo::name).containsExactly("w");
      assertThat(checkpoint.find("v")).isEmpty();
      assertThat(checkpoint.sideFiles())
          .containsExactly(Path.of("LICENSE"), Path.of("tokenizer.json"));
      assertThat(checkpoint.warnings()).isEmpty();
      Checkpoint.Shard shard = checkpoint.shards().getFirst();
      assertThat(shard.file()).isEqualTo(folder.resolve("model.safetensors"));
      assertThat(shard.bytes()).isEqualTo(Files.size(shard.file()));
      Checkpoint.Location place = checkpoint.locate("w");
      assertThat(place).isEqualTo(new Checkpoint.Location(shard.file(), shard.bytes() - 8, 8));
    }
  }

  @Test
  void readsTheOnlyFileWhateverItsName() throws IOException {
    floats("weights.safetensors", "w", 1f);
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.floats("w")).containsExactly(1f);
    }
  }

  @Test
  void readsIntoAnArrayThatIsSpentWhereItIsAsLong() throws IOException {
    Path file = floats("model.safetensors", "w", 1.5f, -2f);
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      float[] spent = {7, 8};
      float[] longer = {7, 8, 9};
      assertThat(checkpoint.floats("w", spent)).isSameAs(spent).containsExactly(1.5f, -2f);
      assertThat(checkpoint.floats("w", longer)).containsExactly(1.5f, -2f);
      assertThat(longer).containsExactly(7, 8, 9);
    }
  }

  @Test
  void readsABareFileWithoutAConfig() throws IOException {
    write("config.json", "{}");
    Path file = floats("model.safetensors", "w", 1f);
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.floats("w")).containsExactly(1f);
      assertThat(checkpoint.sideFiles()).isEmpty();
      assertThatThrownBy(checkpoint::config)
          .isInstanceOf(CheckpointException.class)
          .hasMessage(file + ": no config.json -> give a model directory that holds one");
    }
  }

  @Test
  void followsLinksToFilesElsewhere() throws IOException {
    Path blobs = Files.createDirectory(folder.resolve("blobs"));
    Path snapshot = Files.createDirectory(folder.resolve("snapshot"));
    Files.move(floats("x", "w", 1f), blobs.resolve("0a1b"));
    Files.writeString(blobs.resolve("2c3d"), "{}");
    Files.createSymbolicLink(snapshot.resolve("model.safetensors"), Path.of("../blobs/0a1b"));
    Files.createSymbolicLink(snapshot.resolve("config.json"), Path.of("../blobs/2c3d"));
    Files.createSymbolicLink(snapshot.resolve("tokenizer.json"), Path.of("../blobs/2c3d"));
    try (Checkpoint checkpoint = Checkpoints.open(snapshot)) {
      assertThat(checkpoint.floats("w")).containsExactly(1f);
      assertThat(checkpoint.sideFiles()).containsExactly(Path.of("tokenizer.json"));
    }
  }

  @Test
  void readsPartsOfATensor() throws IOException {
    floats("model.safetensors", "w", 1f, 2f, 3f);
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      ByteBuffer part = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN).limit(8).position(4);
      checkpoint.read("w", 8, part);
      assertThat(part.position()).isEqualTo(8);
      assertThat(part.getFloat(4)).isEqualTo(3f);
      assertThatThrownBy(() -> checkpoint.read("w", 9, ByteBuffer.allocate(4)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("tensor \"w\": bytes [9, 13) of 12");
      assertThatThrownBy(() -> checkpoint.read("w", -1, ByteBuffer.allocate(4)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> checkpoint.floats("v"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(folder + ": no tensor \"v\"");
    }
  }

  @Test
  void readsForSeveralThreadsAtOnce() throws IOException {
    float[] values = new float[700_001];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    floats("model.safetensors", "w", values);
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      IntStream.range(0, 8)
          .parallel()
          .forEach(i -> assertThat(checkpoint.floats("w")).isEqualTo(values));
    }
  }

  @Test
  void writesATensorToAnyChannel() throws IOException {
    Path source = floats("model.safetensors", "w", 1f, 2f);
    Path copy = folder.resolve("copy");
    try (Checkpoint checkpoint = Checkpoints.open(source);
        var to = Channels.newChannel(Files.newOutputStream(copy))) {
      checkpoint.transfer("w", to);
    }
    byte[] bytes = Files.readAllBytes(source);
    assertThat(Files.readAllBytes(copy))
        .isEqualTo(Arrays.copyOfRange(bytes, bytes.length - 8, bytes.length));
  }

  @Test
  void saysThatAFileShrankUnderIt() throws IOException {
    Path file = floats("model.safetensors", "w", new float[1000]);
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(2000);
      }
      assertThatThrownBy(() -> checkpoint.floats("w"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(file + ": ends before byte 2001")
          .hasMessageContaining("something is writing to it");
      Path copy = folder.resolve("copy");
      try (var to = FileChannel.open(copy, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        assertThatThrownBy(() -> checkpoint.transfer("w", to))
            .isInstanceOf(CheckpointException.class);
      }
    }
  }

  @Test
  void refusesToDecodeWhatIsNoFloat() throws IOException {
    Files.write(
        folder.resolve("model.safetensors"),
        HandWritten.file(
            "{"
                + tensor("q", "\"F8_E4M3\"", "[2]", "[0,2]")
                + ","
                + tensor("i", "\"I8\"", "[2]", "[2,4]")
                + "}",
            4));
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThatThrownBy(() -> checkpoint.floats("q"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("tensor \"q\": expected 8-bit floats in matrices called");
      assertThatThrownBy(() -> checkpoint.floats("i")).hasMessageContaining("tensor \"q\"");
    }
    try (Checkpoint checkpoint =
        StoredCheckpoint.open(ModelFiles.in(folder), Scratch.temporary())) {
      assertThatThrownBy(() -> checkpoint.floats("i"))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("expected F64, F32, BF16, F16 or FP8, found I8");
    }
  }

  @Test
  void warnsOfWeightsThatItIgnores() throws IOException {
    floats("model.safetensors", "w", 1f);
    floats("consolidated.safetensors", "w", 1f);
    write("pytorch_model.bin", "");
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.warnings())
          .containsExactly(
              folder.resolve("consolidated.safetensors") + ": ignored: not in model.safetensors",
              folder.resolve("pytorch_model.bin") + ": ignored: not in model.safetensors");
      assertThat(checkpoint.sideFiles()).isEmpty();
    }
  }

  @Test
  void warnsOfAHeaderThatOtherReadersRefuse() throws IOException {
    Path file = folder.resolve("model.safetensors");
    Files.write(file, HandWritten.file("\n{}", 0));
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.warnings())
          .containsExactly(
              file + ": the header does not begin with \"{\", which some readers want");
    }
  }

  @Test
  void saysInOneLineWhatIsNoModel() throws IOException {
    Path missing = folder.resolve("missing");
    assertRefused(missing, missing + ": no such file or directory");
    assertRefused(
        folder, folder + ": expected a model, found no model.safetensors and no index of shards");
    Path text = write("notes.txt", "These are not the weights you are looking for.");
    assertRefused(text, text + ": expected a header of at most 100000000 bytes, found");
    floats("a.safetensors", "w", 1f);
    floats("b.safetensors", "w", 1f);
    assertRefused(folder, "found neither beside 2 other safetensors files");
  }

  @Test
  void namesWeightsThatAreNotRead() throws IOException {
    write("config.json", "{}");
    Path bin = write("pytorch_model-00001-of-00002.bin", "");
    assertThatThrownBy(() -> Checkpoints.open(folder))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessage(
            "%s: expected model.safetensors, pytorch_model.bin or an index of shards, found %s"
                .formatted(folder, bin.getFileName()));
    Files.delete(bin);
    write("model.gguf", "GGUF");
    assertThatThrownBy(() -> Checkpoints.open(folder))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageEndingWith("or an index of shards, found model.gguf");
  }

  @Test
  void refusesABrokenConfigAtOnce() throws IOException {
    floats("model.safetensors", "w", 1f);
    Path config = write("config.json", "{");
    assertRefused(folder, config + ": line 1, column 2: expected JSON");
  }

  private static void assertRefused(Path path, String message) {
    assertThatThrownBy(() -> Checkpoints.open(path))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private Path floats(String name, String tensor, float... values) throws IOException {
    return Files.write(folder.resolve(name), HandWritten.floats(tensor, values));
  }
}
