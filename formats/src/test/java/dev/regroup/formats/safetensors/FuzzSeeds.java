package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.HandWritten.square;
import static dev.regroup.formats.safetensors.HandWritten.tensor;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/// Small inputs from which fuzzing starts, good ones and nearly good ones.
final class FuzzSeeds {
  private static final List<String> TOKENS =
      List.of(
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          "\"",
          "\\",
          "null",
          "true",
          "-1",
          "1e999999999",
          "0.5",
          "18446744073709551616",
          "9223372036854775808",
          "\"a\"",
          "\"dtype\":",
          "\"shape\":[",
          "\"F32\"",
          "\"data_offsets\"",
          "\"__metadata__\":",
          "\\ud800",
          "\u0000",
          "\u00ff",
          "[[[[",
          "../",
          "//",
          "\"weight_map\":");

  private FuzzSeeds() {}

  static Stream<byte[]> headers() {
    return Stream.of(
        HandWritten.file("{}", 0),
        HandWritten.file("{" + square("a", 0) + "," + square("b", 16) + "}", 32),
        HandWritten.file("{\"__metadata__\":{\"format\":\"pt\"}," + square("t", 0) + "}  ", 16),
        HandWritten.file(
            "{%s,%s}"
                .formatted(
                    tensor("\\ud83d\\ude00", "\"F4\"", "[2,3]", "[0,3]"),
                    tensor("", "\"BF16\"", "[0,9223372036854775808,4]", "[3,3]")),
            3),
        HandWritten.file("{" + tensor("x", "\"F64\"", "[]", "[0,8]") + ",", 8));
  }

  static Stream<byte[]> indexes() {
    return texts(
        "{\"metadata\": {\"total_size\": 12}, \"weight_map\": {\"a\": \"x.safetensors\"}}",
        "{\"weight_map\": {\"a\": \"sub/x.safetensors\", \"\\u00e9\": \"y.safetensors\"}, \"z\":"
            + " [{}]}",
        "{\"metadata\": null, \"weight_map\": {\"a\": \"../x.safetensors\"}}");
  }

  static Stream<byte[]> configs() {
    return texts(
        "{\"model_type\": \"llama\", \"hidden_size\": 64, \"rope_scaling\": {\"factor\": 8.0}}",
        "{\"architectures\": [\"A\"], \"eps\": 1e-06, \"x\": [NaN, -Infinity,"
            + " 12345678901234567890]}",
        "{\"a\": \"\\ud83d\\ude00\", \"b\": null, \"c\": true, \"d\": [[], {}]}");
  }

  private static Stream<byte[]> texts(String... texts) {
    return Stream.of(texts).map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  /// A seed with up to eight bytes flipped, cut out, doubled or replaced by a token of JSON.
  static byte[] mutated(byte[] seed, Random random) {
    byte[] bytes = seed.clone();
    for (int i = random.nextInt(8); i >= 0; i--) {
      bytes = mutatedOnce(bytes, random);
    }
    return bytes;
  }

  private static byte[] mutatedOnce(byte[] bytes, Random random) {
    if (bytes.length == 0) {
      return new byte[] {(byte) random.nextInt()};
    }
    int at = random.nextInt(bytes.length);
    int end = Math.min(bytes.length, at + 1 + random.nextInt(12));
    return switch (random.nextInt(4)) {
      case 0 -> {
        byte[] flipped = bytes.clone();
        flipped[at] ^= (byte) (1 << random.nextInt(8));
        yield flipped;
      }
      case 1 -> spliced(bytes, at, end, new byte[0]);
      case 2 -> spliced(bytes, at, at, Arrays.copyOfRange(bytes, at, end));
      default -> {
        String token = TOKENS.get(random.nextInt(TOKENS.size()));
        yield spliced(bytes, at, end, token.getBytes(StandardCharsets.ISO_8859_1));
      }
    };
  }

  private static byte[] spliced(byte[] bytes, int begin, int end, byte[] middle) {
    byte[] result = new byte[begin + middle.length + bytes.length - end];
    System.arraycopy(bytes, 0, result, 0, begin);
    System.arraycopy(middle, 0, result, begin, middle.length);
    System.arraycopy(bytes, end, result, begin + middle.length, bytes.length - end);
    return result;
  }
}
