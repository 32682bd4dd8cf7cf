package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.HandWritten.file;
import static dev.regroup.formats.safetensors.HandWritten.square;
import static dev.regroup.formats.safetensors.HandWritten.tensor;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What is and what is not a safetensors file, one row a rule; the letters group them as the
/// format's parts do: A good, B length, C JSON, D names twice, E descriptions, F metadata, G
/// layout, H others.
final class HandWrittenCasesTest {
  private static final String GOOD = "{" + square("t", 0) + "}";

  @TempDir Path folder;

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource({
    "good",
    "lengths",
    "json",
    "names",
    "descriptions",
    "metadata",
    "layouts",
    "others"
  })
  void hasItsOutcome(String id, byte[] bytes, String outcome) throws IOException {
    Path file = Files.write(folder.resolve("case.safetensors"), bytes);
    assertThat(Outcome.ofOpening(file)).isEqualTo(outcome);
  }

  static Stream<Arguments> good() {
    return Stream.of(
        row("A01 header no multiple of 8", file(GOOD, 16)),
        row("A02 no tensors", file("{}", 0)),
        row("A03 whitespace behind", file(GOOD + "\r \t\n", 16)),
        row("A04 whitespace before", file("\t\n{}", 0)),
        row("A05 scalar", file(one("\"I32\"", "[]", "[0,4]"), 4)),
        row("A06 no elements", file(one("\"I32\"", "[2,0]", "[0,0]"), 0)),
        row(
            "A07 no elements between others",
            file(
                "{%s,%s,%s}"
                    .formatted(
                        square("a", 0), tensor("b", "\"F32\"", "[0]", "[16,16]"), square("c", 16)),
                32)),
        row("A08 out of order", file("{" + square("b", 16) + "," + square("a", 0) + "}", 32)),
        row(
            "A09 metadata",
            file("{\"__metadata__\":{\"format\":\"pt\"}," + square("t", 0) + "}", 16)),
        row("A10 empty metadata", file("{\"__metadata__\":{}," + square("t", 0) + "}", 16)),
        row("A11 FP8", file(one("\"F8_E4M3\"", "[2]", "[0,2]"), 2)),
        row("A12 empty name", file("{" + square("", 0) + "}", 16)),
        row("A13 name like a path", file("{" + square("../../x", 0) + "}", 16)),
        row("A14 half a byte each", file(one("\"F4\"", "[2]", "[0,1]"), 1)),
        row("A15 escaped names", file("{" + square("\\u00e9\\ud83d\\ude00", 0) + "}", 16)),
        row("A16 rank 1024", file(one("\"U8\"", "[1" + ",1".repeat(1023) + "]", "[0,1]"), 1)));
  }

  static Stream<Arguments> lengths() {
    byte[] good = GOOD.getBytes(StandardCharsets.UTF_8);
    return Stream.of(
        row("B01 empty file", new byte[0], "HEADER_TOO_SMALL"),
        row("B02 seven bytes", new byte[7], "HEADER_TOO_SMALL"),
        row("B03 length only", file(60, new byte[0], 0), "HEADER_LENGTH"),
        row("B04 100000001", file(100_000_001, good, 16), "HEADER_TOO_LARGE"),
        row("B04 100000000", file(100_000_000, good, 16), "HEADER_LENGTH"),
        row("B06 2^64-1", file(-1, good, 16), "HEADER_TOO_LARGE"),
        row("B07 2^63", file(Long.MIN_VALUE, good, 16), "HEADER_TOO_LARGE"),
        row("B08 one too long", file(good.length + 1, good, 0), "HEADER_LENGTH"),
        row("B09 zero", file(0, good, 16), "BAD_JSON"),
        row("B10 big-endian", file(Long.reverseBytes(good.length), good, 16), "HEADER_TOO_LARGE"),
        row("B11 one too short", file(good.length - 1, good, 16), "BAD_JSON"));
  }

  static Stream<Arguments> json() {
    return Stream.of(
        row("C01 byte FF", file(bytes(0xff), 0), "HEADER_UTF8"),
        row("C02 only a brace", file("{", 0), "BAD_JSON"),
        row("C03 NUL padding", file(GOOD + "\0\0\0\0", 16), "BAD_JSON"),
        row("C04 byte order mark", file("\ufeff" + GOOD, 16), "BAD_JSON"),
        row("C05 UTF-16LE", file(GOOD.getBytes(StandardCharsets.UTF_16LE), 16), "BAD_JSON"),
        row("C05 UTF-16BE", file(GOOD.getBytes(StandardCharsets.UTF_16BE), 16), "BAD_JSON"),
        row("C06 trailing comma", file("{" + square("t", 0) + ",}", 16), "BAD_JSON"),
        row("C07 comment", file("{//x\n" + square("t", 0) + "}", 16), "BAD_JSON"),
        row("C08 single quotes", file(GOOD.replace('"', '\''), 16), "BAD_JSON"),
        row("C09 array", file("[]", 0), "BAD_HEADER_TYPE"),
        row("C10 null", file("null", 0), "BAD_HEADER_TYPE"),
        row("C10 number", file("17", 0), "BAD_HEADER_TYPE"),
        row("C11 two documents", file("{}{}", 0), "BAD_JSON"),
        row("C11 two documents, apart", file("{} 1", 0), "BAD_JSON"),
        row("C12 half a pair", file("{" + square("\\ud800", 0) + "}", 16), "BAD_JSON"),
        row("C12 second half", file("{" + square("\\udc00", 0) + "}", 16), "BAD_JSON"),
        row(
            "C12 half a pair in metadata",
            file("{\"__metadata__\":{\"a\":\"\\ud800x\"}}", 0),
            "BAD_JSON"),
        row("C13 NaN", file(one("\"I32\"", "[NaN]", "[0,4]"), 4), "BAD_JSON"),
        row("C13 +1", file(one("\"I32\"", "[+1]", "[0,4]"), 4), "BAD_JSON"),
        row("C13 01", file(one("\"I32\"", "[01]", "[0,4]"), 4), "BAD_JSON"),
        row("C14 overlong", file(bytes('{', '"', 0xc0, 0x80), 0), "HEADER_UTF8"),
        row("C14 encoded surrogate", file(bytes('{', '"', 0xed, 0xa0, 0x80), 0), "HEADER_UTF8"),
        row("C14 cut character", file(bytes('{', '"', 0xc3), 0), "HEADER_UTF8"),
        row("C15 nesting", file("{\"a\":" + "[".repeat(100_000), 0), "BAD_JSON"),
        row(
            "C15 nesting, closed",
            file("{\"a\":" + "[".repeat(128) + "]".repeat(128) + "}", 0),
            "BAD_JSON"),
        row("C16 control character", file("{" + square("\u0001", 0) + "}", 16), "BAD_JSON"),
        row("C17 long name", file("{" + square("x".repeat(65537), 0) + "}", 16), "BAD_JSON"),
        row("C18 spaces only", file("    ", 0), "BAD_JSON"));
  }

  static Stream<Arguments> names() {
    String t = square("t", 0);
    return Stream.of(
        row("D01 two ranges", file("{" + t + "," + square("t", 16) + "}", 32), "DUPLICATE_KEY"),
        row("D02 one range", file("{" + t + "," + t + "}", 16), "DUPLICATE_KEY"),
        row(
            "D03 metadata",
            file("{\"__metadata__\":{},\"__metadata__\":{}," + t + "}", 16),
            "DUPLICATE_KEY"),
        row(
            "D03 within metadata",
            file("{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}," + t + "}", 16),
            "DUPLICATE_KEY"),
        row(
            "D04 dtype",
            file("{" + t.replace("}", ",\"dtype\":\"I32\"}") + "}", 16),
            "DUPLICATE_KEY"),
        row(
            "D04 shape",
            file("{" + t.replace("}", ",\"shape\":[2,2]}") + "}", 16),
            "DUPLICATE_KEY"),
        row(
            "D04 offsets",
            file("{" + t.replace("}", ",\"data_offsets\":[0,16]}") + "}", 16),
            "DUPLICATE_KEY"),
        row("D05 escaped", file("{" + t + "," + square("\\u0074", 0) + "}", 16), "DUPLICATE_KEY"));
  }

  static Stream<Arguments> descriptions() {
    return Stream.of(
        row("E01 no dtype", described("{\"shape\":[],\"data_offsets\":[0,4]}"), "BAD_TENSOR_INFO"),
        row(
            "E01 no shape",
            described("{\"dtype\":\"I32\",\"data_offsets\":[0,4]}"),
            "BAD_TENSOR_INFO"),
        row("E02 no offsets", described("{\"dtype\":\"I32\",\"shape\":[]}"), "BAD_TENSOR_INFO"),
        row(
            "E03 strides",
            described("{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[0,4],\"strides\":[]}"),
            "BAD_TENSOR_INFO"),
        row("E04 array", described("[\"I32\",[],[0,4]]"), "BAD_TENSOR_INFO"),
        row("E05 null", described("null"), "BAD_TENSOR_INFO"),
        row("E05 string", described("\"I32\""), "BAD_TENSOR_INFO"),
        row("E06 lower case", file(one("\"i32\"", "[]", "[0,4]"), 4), "UNKNOWN_DTYPE"),
        row("E07 PyTorch's name", file(one("\"F8_E4M3FN\"", "[]", "[0,1]"), 1), "UNKNOWN_DTYPE"),
        row("E08 GGUF's name", file(one("\"Q4_K\"", "[]", "[0,1]"), 1), "UNKNOWN_DTYPE"),
        row("E09 number", file(one("5", "[]", "[0,4]"), 4), "UNKNOWN_DTYPE"),
        row("E10 negative", shaped("[-2,2]"), "BAD_SHAPE"),
        row("E10 minus zero", file(one("\"I32\"", "[-0]", "[0,0]"), 0), "BAD_SHAPE"),
        row("E11 fraction", shaped("[2.0,2]"), "BAD_SHAPE"),
        row("E12 exponent", shaped("[2e0,2]"), "BAD_SHAPE"),
        row("E13 string", shaped("[\"2\",2]"), "BAD_SHAPE"),
        row("E14 2^64", shaped("[18446744073709551616]"), "BAD_SHAPE"),
        row("E15 object", shaped("{}"), "BAD_SHAPE"),
        row("E15 null", shaped("null"), "BAD_SHAPE"),
        row("E15 nested", shaped("[[2],2]"), "BAD_SHAPE"),
        row("E16 one offset", file(one("\"I32\"", "[2,2]", "[16]"), 16), "BAD_OFFSETS"),
        row("E16 no offset", file(one("\"I32\"", "[2,2]", "[]"), 16), "BAD_OFFSETS"),
        row("E17 three offsets", file(one("\"I32\"", "[2,2]", "[0,8,16]"), 16), "BAD_OFFSETS"),
        row("E18 negative", file(one("\"I32\"", "[2,2]", "[-16,0]"), 16), "BAD_OFFSETS"),
        row("E18 not an array", file(one("\"I32\"", "[2,2]", "16"), 16), "BAD_OFFSETS"),
        row("E18 fraction", file(one("\"I32\"", "[2,2]", "[0.0,16]"), 16), "BAD_OFFSETS"),
        row("E19 boolean", shaped("[true,2]"), "BAD_SHAPE"),
        row("E20 rank 1025", shaped("[1" + ",1".repeat(1024) + "]"), "BAD_SHAPE"));
  }

  static Stream<Arguments> metadata() {
    return Stream.of(
        row("F01 number", withMetadata("{\"a\":1}"), "BAD_METADATA"),
        row("F02 object", withMetadata("{\"a\":{}}"), "BAD_METADATA"),
        row("F03 null", withMetadata("null"), "BAD_METADATA"),
        row("F03 null within", withMetadata("{\"a\":null}"), "BAD_METADATA"),
        row("F04 tensor", withMetadata("{\"dtype\":\"I32\",\"shape\":[]}"), "BAD_METADATA"),
        row("F05 array", withMetadata("[]"), "BAD_METADATA"));
  }

  static Stream<Arguments> layouts() {
    String ten =
        IntStream.range(0, 10)
            .mapToObj(i -> square("t" + i, 0))
            .collect(Collectors.joining(",", "{", "}"));
    return Stream.of(
        row("G01 backwards", placed("[16,0]"), "INVALID_OFFSET"),
        row("G02 hole in front", file("{" + square("t", 8) + "}", 24), "INVALID_OFFSET"),
        row(
            "G03 hole",
            file("{" + square("a", 0) + "," + square("b", 20) + "}", 36),
            "INVALID_OFFSET"),
        row(
            "G04 overlap",
            file("{" + square("a", 0) + "," + square("b", 12) + "}", 28),
            "INVALID_OFFSET"),
        row("G05 ten on one", file(ten, 16), "INVALID_OFFSET"),
        row("G06 too small", placed("[0,4]"), "SIZE_MISMATCH"),
        row("G07 too large", placed("[0,32]"), "SIZE_MISMATCH"),
        row("G08 elements", shaped("[2,18446744073709551614]"), "OVERFLOW"),
        row("G09 bits", shaped("[2,9223372036854775807]"), "OVERFLOW"),
        row("G10 wraps to 4", shaped("[4194305,4194305,211106198978564]"), "OVERFLOW"),
        row("G11 F4", file(one("\"F4\"", "[3]", "[0,1]"), 1), "MISALIGNED"),
        row("G12 F6", file(one("\"F6_E2M3\"", "[3]", "[0,2]"), 2), "MISALIGNED"),
        row("G13 truncated", file(GOOD, 14), "INCOMPLETE_BUFFER"),
        row("G14 more behind", file(GOOD, 38), "INCOMPLETE_BUFFER"),
        row("G15 data of no tensor", file("{}", 1), "INCOMPLETE_BUFFER"),
        row("G16 lying", file(one("\"U8\"", "[4194304]", "[0,4194304]"), 1), "INCOMPLETE_BUFFER"),
        row("G17 end 2^64-1", placed("[0,18446744073709551615]"), "SIZE_MISMATCH"),
        row("G17 begin 2^64-16", placed("[18446744073709551600,0]"), "INVALID_OFFSET"),
        row("G18 zero first", file(one("\"I32\"", "[0,9223372036854775808,4]", "[0,0]"), 0)),
        row("G19 zero last", shaped("[9223372036854775808,4,0]"), "OVERFLOW"),
        row(
            "G20 zero-size past the end",
            file(one("\"I32\"", "[0]", "[4,4]"), 4),
            "INVALID_OFFSET"));
  }

  static Stream<Arguments> others() {
    return Stream.of(
        row(
            "H01 git-lfs",
            text("version https://git-lfs.github.com/spec/v1\n"),
            "HEADER_TOO_LARGE"),
        row("H02 HTML", text("<!DOCTYPE html><html><body>"), "HEADER_TOO_LARGE"),
        row("H03 zip", text("PK\3\4\0\0\u0008\u0008archive"), "HEADER_TOO_LARGE"),
        row("H04 zeros", new byte[4096], "BAD_JSON"),
        row("H05 GGUF", text("GGUF\3\0\0\0\0\0"), "HEADER_TOO_LARGE"),
        row("H07 JSON", text("{\"model_type\": \"llama\"}"), "HEADER_TOO_LARGE"));
  }

  private static Arguments row(String id, byte[] bytes) {
    return row(id, bytes, "OK");
  }

  private static Arguments row(String id, byte[] bytes, String outcome) {
    return Arguments.of(id, Named.of(bytes.length + " bytes", bytes), outcome);
  }

  private static String one(String dtype, String shape, String offsets) {
    return "{" + tensor("t", dtype, shape, offsets) + "}";
  }

  private static byte[] described(String description) {
    return file("{\"t\":" + description + "}", 4);
  }

  private static byte[] shaped(String shape) {
    return file(one("\"I32\"", shape, "[0,16]"), 16);
  }

  private static byte[] placed(String offsets) {
    return file(one("\"I32\"", "[2,2]", offsets), 16);
  }

  private static byte[] withMetadata(String metadata) {
    return file("{\"__metadata__\":" + metadata + "," + square("t", 0) + "}", 16);
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }
}
