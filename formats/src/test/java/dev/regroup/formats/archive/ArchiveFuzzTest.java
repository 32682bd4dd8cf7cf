package dev.regroup.formats.archive;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.regroup.formats.Bounds;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.stored.ModelPath;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.zip.HandZip;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/// Whatever a file holds, it is a model or is refused with one line, and nothing of it is left
/// anywhere.
///
/// How to search for more than the seeds: docs/fuzzing.md.
@Timeout(60)
final class ArchiveFuzzTest {
  @TempDir static Path folder;

  static Stream<byte[]> seeds() throws IOException {
    byte[] small = new Packed().add("m/config.json", Packed.text("{}")).bytes();
    return Stream.of(
        Packed.tar("llama/"),
        small,
        Packed.gzip(small),
        Packed.zstd(small),
        Packed.zstd(Packed.tar("")),
        Packed.storedZip("llama/"),
        Packed.deflatedZip(""),
        new HandZip().add(HandZip.member("config.json", "{}")).zip64().bytes(),
        new HandZip().add(HandZip.member("m/data.pkl", "\u0080\002}.")).bytes(),
        resource("/dev/regroup/formats/pytorch/linear.bin"),
        new Packed().special("x", (byte) '2', "../y").bytes(),
        new Packed().add("n".repeat(120), new byte[1]).bytes());
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = ArchiveFuzzTest.class.getResourceAsStream(name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    }
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = "10m")
  void archives(byte[] content) throws IOException {
    Path file = Files.write(folder.resolve("fuzzed"), dressed(content));
    Path scratch = Files.createDirectories(folder.resolve("scratch"));
    Bounds.hold(content.length, () -> check(file, scratch));
    try (Stream<Path> left = Files.list(scratch)) {
      assertThat(left).isEmpty();
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactlyInAnyOrder(file, scratch);
    }
  }

  // A mutated tar nearly always has wrong checksums, and a packed one is no longer packed: nothing
  // behind those checks would ever be tried.
  private static byte[] dressed(byte[] content) {
    byte[] tar = content.clone();
    boolean isTar = false;
    for (int block = 0; block + 512 <= tar.length; block += 512) {
      if (new String(tar, block + 257, 5, StandardCharsets.ISO_8859_1).equals("ustar")) {
        isTar = true;
        Arrays.fill(tar, block + 148, block + 156, (byte) ' ');
        int sum = 0;
        for (int i = block; i < block + 512; i++) {
          sum += tar[i] & 0xff;
        }
        byte[] digits = "%06o\0 ".formatted(sum).getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(digits, 0, tar, block + 148, 8);
      }
    }
    if (!isTar) {
      return content;
    }
    return switch (Arrays.hashCode(content) & 7) {
      case 0 -> Packed.gzip(tar);
      case 1 -> Packed.zstd(tar);
      default -> tar;
    };
  }

  private static void check(Path file, Path scratch) {
    try (Checkpoint checkpoint = ModelPath.open(file, Scratch.in(scratch))) {
      for (TensorInfo info : checkpoint.infos()) {
        long bytes = checkpoint.locate(info.name()).bytes();
        checkpoint.read(info.name(), 0, ByteBuffer.allocate((int) Math.min(bytes, 1024)));
      }
      checkpoint.sideFiles().forEach(name -> assertThat(checkpoint.sideFile(name)).exists());
    } catch (CheckpointException | UnsupportedModelException e) {
      assertThat(e.getMessage())
          .startsWith(file.toString())
          .doesNotContain("\n")
          .hasSizeLessThan(3000);
    }
  }
}
