package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.regroup.formats.Bounds;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/// Whatever the bytes, a reader returns something sound or refuses with a `CheckpointException`.
///
/// How to search for more than the seeds: docs/fuzzing.md.
@Timeout(60)
final class ReaderFuzzTest {
  private static final Path FILE = Path.of("fuzzed");

  @MethodSource("dev.regroup.formats.safetensors.FuzzSeeds#headers")
  @FuzzTest(maxDuration = "10m")
  void headers(byte[] file) {
    Bounds.hold(file.length, () -> checkHeader(file));
  }

  @MethodSource("dev.regroup.formats.safetensors.FuzzSeeds#indexes")
  @FuzzTest(maxDuration = "10m")
  void indexes(byte[] text) {
    Bounds.hold(text.length, () -> checkIndex(new String(text, StandardCharsets.UTF_8)));
  }

  /// A header that is accepted lies end to end, fills its file, and says the same once rendered
  /// again.
  static void checkHeader(byte[] file) {
    if (file.length < 8) {
      return;
    }
    long length = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] header = Arrays.copyOfRange(file, 8, 8 + Math.clamp(length, 0, file.length - 8));
    SafetensorsHeader parsed;
    try {
      parsed = SafetensorsHeader.parse(FILE, header, file.length);
    } catch (SafetensorsException e) {
      assertThat(e.getMessage()).startsWith("fuzzed: ").doesNotContain("\n").hasSizeLessThan(2000);
      return;
    }
    long next = parsed.dataStart();
    for (SafetensorsHeader.Entry entry : parsed.entries()) {
      assertThat(entry.offset()).isEqualTo(next);
      next += entry.info().bytes();
    }
    assertThat(next).isEqualTo(file.length);
    var infos = parsed.entries().stream().map(SafetensorsHeader.Entry::info).toList();
    byte[] rendered = SafetensorsHeader.render(infos, parsed.metadata());
    byte[] json = Arrays.copyOfRange(rendered, 8, rendered.length);
    long bytes = rendered.length + file.length - parsed.dataStart();
    assertThat(SafetensorsHeader.parse(FILE, json, bytes).entries())
        .extracting(SafetensorsHeader.Entry::info)
        .containsExactlyInAnyOrderElementsOf(infos);
  }

  /// An index that is accepted names files inside its directory only.
  static void checkIndex(String text) {
    ShardIndex index;
    try {
      index = ShardIndex.parse(FILE, text, ".safetensors");
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).startsWith("fuzzed: ").doesNotContain("\n").hasSizeLessThan(2000);
      return;
    }
    Path folder = Path.of("/models/one");
    assertThat(List.copyOf(index.weightMap().values()))
        .allMatch(name -> folder.resolve(name).normalize().startsWith(folder));
  }

  /// A config that is accepted says the same once rendered and read again.
  static void checkConfig(Path file) {
    ModelConfig config;
    try {
      config = ModelConfig.read(file);
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(2000);
      return;
    }
    String text = ModelConfig.render(config.copy());
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    assertThat(ModelConfig.render(ModelConfig.read(file).copy())).isEqualTo(text);
  }
}
