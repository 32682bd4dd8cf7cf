package dev.regroup.formats.safetensors;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SafetensorsWriterTest {
  private static final TensorInfo A = new TensorInfo("a", Dtype.BF16, Shape.of(2, 2));
  private static final TensorInfo B = new TensorInfo("b", Dtype.U8, Shape.of(3));

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = folder.resolve("model.safetensors");
  }

  @Test
  void writesTheBytesOfTheFormat() throws IOException {
    try (var writer = SafetensorsWriter.create(file, List.of(A, B), Map.of())) {
      writer.write("b", 1, ByteBuffer.wrap(new byte[] {8, 9}));
      writer.write("a", new float[] {1f, -2f, 0x1.01p0f, 0f});
      writer.write("b", 0, ByteBuffer.wrap(new byte[] {7}));
      writer.finish();
    }
    byte[] header = SafetensorsHeader.render(List.of(A, B), Map.of());
    ByteBuffer expected = ByteBuffer.allocate(header.length + 11).put(header);
    // 0x1.01p0 lies halfway between two BF16 values: the even one is 1.
    for (int value : new int[] {0x80, 0x3f, 0x00, 0xc0, 0x80, 0x3f, 0, 0, 7, 8, 9}) {
      expected.put((byte) value);
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(expected.array());
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void writesWhatACheckpointReads(long seed) {
    Random random = new Random(seed);
    List<TensorInfo> infos =
        new ArrayList<>(RandomTensors.infos(random, Dtype.F64, Dtype.F32, Dtype.BF16, Dtype.F16));
    infos.removeIf(info -> info.name().equals("large"));
    infos.add(new TensorInfo("large", infos.getFirst().dtype(), Shape.of(3, 99_991)));
    Map<String, float[]> values = new HashMap<>();
    for (TensorInfo info : infos) {
      float[] elements = new float[(int) info.shape().elements()];
      for (int i = 0; i < elements.length; i++) {
        elements[i] = (random.nextInt(256) - 128) / 16f;
      }
      values.put(info.name(), elements);
    }
    List<TensorInfo> shuffled = new ArrayList<>(infos);
    Collections.shuffle(shuffled, random);
    try (var writer = SafetensorsWriter.create(file, infos, Map.of())) {
      shuffled.parallelStream()
          .forEach(info -> writer.write(info.name(), requireNonNull(values.get(info.name()))));
      writer.finish();
    }
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.infos()).containsExactlyInAnyOrderElementsOf(infos);
      for (TensorInfo info : infos) {
        assertThat(checkpoint.floats(info.name())).isEqualTo(values.get(info.name()));
      }
    }
  }

  @Test
  void takesWhatIsCopiedIntoItsFile() throws IOException {
    Path source = folder.resolve("source");
    byte[] noise = new byte[3 << 20];
    new Random(1).nextBytes(noise);
    Files.write(source, noise);
    TensorInfo codes = new TensorInfo("codes", Dtype.F8_E4M3, Shape.of(noise.length - 7));
    try (FileChannel from = FileChannel.open(source);
        var writer = SafetensorsWriter.create(file, List.of(codes, B), Map.of())) {
      assertThat(writer.bytes()).isEqualTo(writer.header().length + noise.length - 4);
      long at = writer.offset("codes");
      for (long done = 0; done < noise.length - 7; ) {
        done += writer.file().copy(from, 7 + done, noise.length - 7 - done, at + done);
      }
      writer.take(List.of("codes"));
      assertWrong(() -> writer.take(List.of("codes")), "written twice");
      writer.write("b", 0, ByteBuffer.wrap(new byte[] {1, 2, 3}));
      writer.finish();
    }
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      ByteBuffer copied = ByteBuffer.allocate(noise.length - 7);
      checkpoint.read("codes", 0, copied);
      assertThat(copied.array()).isEqualTo(Arrays.copyOfRange(noise, 7, noise.length));
    }
  }

  @Test
  void goesOnWithAFileThatAnotherRunBegan() throws IOException {
    try (var writer = SafetensorsWriter.create(file, List.of(A, B), Map.of())) {
      writer.write("a", new float[] {1, 2, 3, 4});
    }
    try (var writer =
        SafetensorsWriter.reopen(Disk.LOCAL, file, PlannedFile.of(List.of(A, B)), Map.of())) {
      ByteBuffer seen = ByteBuffer.allocate(8);
      writer.read("a", 0, seen);
      assertThat(seen.get(3)).isEqualTo((byte) 0x40);
      assertWrong(writer::finish, "tensor \"a\": not all of it was written");
      writer.take(List.of("a"));
      writer.write("b", 0, ByteBuffer.allocate(3));
      writer.finish();
    }
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.floats("a")).containsExactly(1, 2, 3, 4);
    }
    try (var whole =
        SafetensorsWriter.reading(Disk.LOCAL, file, PlannedFile.of(List.of(A, B)), Map.of())) {
      assertWrong(() -> whole.write("a", new float[4]), "written twice");
    }
  }

  @Test
  void wantsEveryByteOnceAndNoOther() {
    try (var writer = SafetensorsWriter.create(file, List.of(A, B), Map.of())) {
      writer.write("a", new float[4]);
      assertWrong(() -> writer.write("a", new float[4]), "tensor \"a\": written twice");
      assertWrong(() -> writer.write("a", 2, ByteBuffer.allocate(1)), "written twice");
      writer.write("b", 1, ByteBuffer.allocate(1));
      assertWrong(() -> writer.write("b", 0, ByteBuffer.allocate(3)), "written twice");
      assertWrong(() -> writer.write("b", 2, ByteBuffer.allocate(2)), "found [2, 4)");
      assertWrong(() -> writer.write("b", -1, ByteBuffer.allocate(1)), "found [-1, 0)");
      assertWrong(() -> writer.write("c", new float[1]), "\"c\": not planned for this file");
      writer.write("b", 0, ByteBuffer.allocate(1));
      assertWrong(writer::finish, "tensor \"b\": not all of it was written");
      writer.write("b", 2, ByteBuffer.allocate(1));
      writer.finish();
    }
  }

  @Test
  void wantsAsManyFloatsAsTheShapeSays() {
    try (var writer = SafetensorsWriter.create(file, List.of(A, B), Map.of())) {
      assertWrong(() -> writer.write("a", new float[3]), "expected [2, 2] of BF16, found 3 floats");
      assertWrong(() -> writer.write("b", new float[3]), "expected [3] of U8, found 3 floats");
    }
  }

  @Test
  void refusesAFileThatExists() throws IOException {
    Files.writeString(file, "mine");
    assertThatThrownBy(() -> SafetensorsWriter.create(file, List.of(A), Map.of()))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(file + ": exists already");
    assertThat(file).hasContent("mine");
  }

  @Test
  void leavesAFileThatDoesNotReadWhereItWasNotFinished() {
    try (var writer = SafetensorsWriter.create(file, List.of(A, B), Map.of())) {
      writer.write("a", new float[4]);
    }
    assertThat(Outcome.ofOpening(file)).isEqualTo("INCOMPLETE_BUFFER");
  }

  private static void assertWrong(Runnable writing, String message) {
    assertThatThrownBy(writing::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
