package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.HandWritten.square;
import static dev.regroup.formats.safetensors.HandWritten.tensor;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SafetensorsHeaderTest {
  private static final Path FILE = Path.of("m.safetensors");

  @TempDir Path folder;

  @Test
  void placesTensorsInTheOrderOfTheirBytes() {
    String header =
        "{%s,\"__metadata__\":{\"format\":\"pt\"},%s}".formatted(square("b", 16), square("a", 0));
    SafetensorsHeader parsed = parse(header, 32);
    assertThat(parsed.dataStart()).isEqualTo(8 + header.length());
    assertThat(parsed.metadata()).containsExactly(entry("format", "pt"));
    Shape square = Shape.of(2, 2);
    assertThat(parsed.entries())
        .containsExactly(
            new SafetensorsHeader.Entry(new TensorInfo("a", Dtype.I32, square), parsed.dataStart()),
            new SafetensorsHeader.Entry(
                new TensorInfo("b", Dtype.I32, square), parsed.dataStart() + 16));
  }

  @Test
  void saysWhichTensorAndWhatWasExpected() {
    assertRefused(
        "{" + tensor("k_proj", "\"BF16\"", "[1024,4096]", "[0,8388600]") + "}",
        8388600,
        "m.safetensors: tensor \"k_proj\": [1024, 4096] of BF16 is 8388608 bytes, the header gives"
            + " it 8388600");
    assertRefused(
        "{" + square("a", 0) + "," + square("b", 20) + "}",
        36,
        "m.safetensors: tensor \"b\": begins at 20, expected at 16: no tensor holds the bytes"
            + " between");
    assertRefused(
        "{" + square("a", 0) + "}",
        10,
        "m.safetensors: expected 81 bytes, found 75 -> truncated: download it again");
    assertRefused(
        "{" + square("a", 0) + ",}",
        16,
        "m.safetensors: header, line 1, column 58: expected JSON: Unexpected character ('}' (code"
            + " 125)): was expecting double-quote to start property name");
    assertRefused(
        "{" + square("a\\n", 0) + "," + square("a\\n", 0) + "}",
        16,
        "m.safetensors: tensor \"a\\u000a\" appears twice in the header");
    assertRefused("{}\0\0", 0, "m.safetensors: header: padded with NUL -> pad it with spaces");
    assertThatThrownBy(() -> parse("{" + tensor("a", "\"f8_e4m3fn\"", "[1]", "[0,1]") + "}", 1))
        .hasMessageEndingWith("found \"f8_e4m3fn\" -> write it F8_E4M3");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "version https://git-lfs.github.com/spec/v1 | a git-lfs pointer -> run \"git lfs pull\"",
        "\n<!doctype HTML> | an HTML page -> check the address or log in, then download it again",
        "GGUF\3\0\0\0\0\0 | a GGUF file -> take the safetensors model it was made from",
        "PK\3\4abcdefgh | a zip archive, such as PyTorch writes -> save the model as safetensors",
        "\u0080\2abcdefgh | a pickle, such as old PyTorch writes -> save the model as safetensors",
        "\037\u008babcdefgh | a gzip archive -> unpack it first",
        "{\"weight_map\":{}} | JSON -> give the model's directory",
      })
  void saysWhatAnotherKindOfFileIs(String startAndMessage) throws IOException {
    int bar = startAndMessage.indexOf(" | ");
    byte[] start = startAndMessage.substring(0, bar).getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(folder.resolve("x.safetensors"), start);
    try (var open = OpenFile.open(ModelFile.of(file))) {
      assertThatThrownBy(() -> SafetensorsHeader.read(open))
          .hasMessage(file + ": expected safetensors, found " + startAndMessage.substring(bar + 3));
    }
  }

  @Test
  void rendersOneSpellingThatEveryReaderTakes() {
    byte[] bytes =
        SafetensorsHeader.render(
            List.of(
                new TensorInfo("b/é", Dtype.BF16, Shape.of(3)),
                new TensorInfo("a", Dtype.F32, Shape.of())),
            Map.of("tool", "regroup", "about", "x"));
    String header = new String(bytes, 8, bytes.length - 8, StandardCharsets.US_ASCII);
    assertThat(header)
        .isEqualTo(
            "{\"__metadata__\":{\"about\":\"x\",\"format\":\"pt\",\"tool\":\"regroup\"},"
                + "\"b/\\u00E9\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]},"
                + "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[6,10]}} ");
    assertThat(bytes).startsWith(header.length(), 0, 0, 0, 0, 0, 0, 0);
    assertThat(header.length() % 8).isZero();
  }

  @Test
  void refusesToRenderWhatItWouldRefuseToRead() {
    TensorInfo good = new TensorInfo("a", Dtype.F32, Shape.of(1));
    for (List<TensorInfo> bad :
        List.of(
            List.of(good, good),
            List.of(new TensorInfo("__metadata__", Dtype.F32, Shape.of(1))),
            List.of(new TensorInfo("\ud800", Dtype.F32, Shape.of(1))),
            List.of(new TensorInfo("a", Dtype.F4, Shape.of(3))))) {
      assertThatThrownBy(() -> SafetensorsHeader.render(bad, Map.of()))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void parsesWhatItRenders(long seed) {
    Random random = new Random(seed);
    List<TensorInfo> tensors = RandomTensors.infos(random, Dtype.values());
    Map<String, String> metadata = new HashMap<>(Map.of("format", "np"));
    for (int i = random.nextInt(4); i > 0; i--) {
      metadata.put(RandomTensors.name(random), RandomTensors.name(random));
    }
    byte[] bytes = SafetensorsHeader.render(tensors, metadata);
    long data = tensors.stream().mapToLong(TensorInfo::bytes).sum();
    SafetensorsHeader parsed =
        SafetensorsHeader.parse(
            FILE, Arrays.copyOfRange(bytes, 8, bytes.length), bytes.length + data);
    assertThat(parsed.dataStart()).isEqualTo(bytes.length);
    assertThat(parsed.metadata()).isEqualTo(metadata);
    List<TensorInfo> read = parsed.entries().stream().map(SafetensorsHeader.Entry::info).toList();
    assertThat(read).containsExactlyInAnyOrderElementsOf(tensors);
    assertThat(read.stream().filter(info -> info.bytes() > 0))
        .containsExactlyElementsOf(tensors.stream().filter(info -> info.bytes() > 0).toList());
    assertThat(SafetensorsHeader.render(tensors, metadata)).isEqualTo(bytes);
  }

  @Test
  void readsLongHeadersInTimeProportionalToTheirLength() {
    byte[] small = bytesOfTensors(5_000);
    byte[] large = bytesOfTensors(40_000);
    assertThat(parse(small, 5_000).entries()).hasSize(5_000);
    long smallTime = time(() -> parse(small, 5_000));
    long largeTime = time(() -> parse(large, 40_000));
    // Proportional is 8 times; squared would be 64.
    assertThat(largeTime).isLessThan(32 * smallTime);
  }

  private static byte[] bytesOfTensors(int count) {
    StringBuilder header = new StringBuilder("{");
    for (int i = 0; i < count; i++) {
      header.append(i == 0 ? "" : ",").append("\"t").append(i * 0x9e3779b1);
      header.append("\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[");
      header.append(i).append(',').append(i + 1).append("]}");
    }
    return header.append('}').toString().getBytes(StandardCharsets.US_ASCII);
  }

  // The best of several, so that a pause of the machine does not decide.
  private static long time(Runnable work) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 7; i++) {
      long start = System.nanoTime();
      work.run();
      best = Math.min(best, System.nanoTime() - start);
    }
    return best;
  }

  private static SafetensorsHeader parse(byte[] header, int dataBytes) {
    return SafetensorsHeader.parse(FILE, header, 8L + header.length + dataBytes);
  }

  private static SafetensorsHeader parse(String header, int dataBytes) {
    return parse(header.getBytes(StandardCharsets.UTF_8), dataBytes);
  }

  private static void assertRefused(String header, int dataBytes, String message) {
    assertThatThrownBy(() -> parse(header, dataBytes))
        .isInstanceOf(SafetensorsException.class)
        .hasMessage(message);
  }
}
