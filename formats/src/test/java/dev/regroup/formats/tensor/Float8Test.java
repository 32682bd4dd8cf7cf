package dev.regroup.formats.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.SharedFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;

final class Float8Test {
  @Test
  void decodesEveryCollectedCode() throws IOException {
    List<String> lines = Files.readAllLines(SharedFiles.require("cases/fp8_decode.csv"));
    assertThat(lines).hasSize(257);
    for (String line : lines.subList(1, lines.size())) {
      String[] cells = line.split(",", -1);
      byte code = (byte) (int) Integer.decode(cells[0]);
      assertSameBits(line, Float8.decodeE4M3(code), bits(cells[2]));
      assertSameBits(line, Float8.decodeE5M2(code), bits(cells[4]));
      float power = cells[5].equalsIgnoreCase("nan") ? Float.NaN : Float.parseFloat(cells[5]);
      assertSameBits(line, Float8.decodeE8M0(code), Float.floatToRawIntBits(power));
    }
  }

  @Test
  void encodesEveryCollectedValue() throws IOException {
    List<String> lines = Files.readAllLines(SharedFiles.require("cases/fp8_encode.csv"));
    assertThat(lines).hasSize(1743);
    for (String line : lines.subList(1, lines.size())) {
      String[] cells = line.split(",", -1);
      float value = Float.intBitsToFloat(bits(cells[0]));
      assertThat(Float8.encodeE4M3(value)).as(line).isEqualTo((byte) bits(cells[2]));
      assertThat(Float8.encodeE5M2(value)).as(line).isEqualTo((byte) bits(cells[4]));
    }
  }

  @Test
  void encodesWhatItDecodes() {
    for (int i = 0; i < 256; i++) {
      byte code = (byte) i;
      if (!Float.isNaN(Float8.decodeE4M3(code))) {
        assertThat(Float8.encodeE4M3(Float8.decodeE4M3(code))).isEqualTo(code);
      }
      if (Float.isFinite(Float8.decodeE5M2(code))) {
        assertThat(Float8.encodeE5M2(Float8.decodeE5M2(code))).isEqualTo(code);
      }
    }
  }

  @Test
  void roundsToTheNearestCodeAndTiesToTheEvenOne() {
    for (int code = 0; code < 0x7e; code++) {
      double below = Float8.decodeE4M3((byte) code);
      double above = Float8.decodeE4M3((byte) (code + 1));
      float middle = (float) ((below + above) / 2);
      assertThat(Float8.encodeE4M3(middle)).isEqualTo((byte) (code + (code & 1)));
      assertThat(Float8.encodeE4M3(Math.nextDown(middle))).isEqualTo((byte) code);
      assertThat(Float8.encodeE4M3(Math.nextUp(middle))).isEqualTo((byte) (code + 1));
      assertThat(Float8.encodeE4M3(-Math.nextUp(middle))).isEqualTo((byte) (code + 1 | 0x80));
    }
  }

  @Test
  void saturatesAndKeepsNaN() {
    assertThat(Float8.decodeE4M3(Float8.encodeE4M3(1e30f))).isEqualTo(448f);
    assertThat(Float8.decodeE4M3(Float8.encodeE4M3(Float.NEGATIVE_INFINITY))).isEqualTo(-448f);
    assertThat(Float8.decodeE5M2(Float8.encodeE5M2(Float.POSITIVE_INFINITY))).isEqualTo(57344f);
    assertThat(Float8.decodeE4M3(Float8.encodeE4M3(Float.NaN))).isNaN();
    assertThat(Float8.decodeE5M2(Float8.encodeE5M2(Float.NaN))).isNaN();
  }

  @Test
  void encodesPowersOfTwoExactlyAndOthersUpwards() {
    for (int code = 0; code < 0xff; code++) {
      assertThat(Float8.encodeE8M0(Float8.decodeE8M0((byte) code))).isEqualTo((byte) code);
    }
    assertThat(Float8.decodeE8M0(Float8.encodeE8M0(Math.nextUp(0.25f)))).isEqualTo(0.5f);
    assertThat(Float8.decodeE8M0(Float8.encodeE8M0(0x1.8p-127f))).isEqualTo(0x1p-126f);
    assertThat(Float8.decodeE8M0(Float8.encodeE8M0(Float.MIN_VALUE))).isEqualTo(0x1p-127f);
    assertThat(Float8.decodeE8M0(Float8.encodeE8M0(Float.MAX_VALUE))).isEqualTo(0x1p127f);
    assertThat(Float8.decodeE8M0(Float8.encodeE8M0(0))).isNaN();
  }

  private static int bits(String hexadecimal) {
    if (hexadecimal.equals("nan")) {
      return Float.floatToIntBits(Float.NaN);
    }
    return Integer.parseUnsignedInt(hexadecimal.substring(2), 16);
  }

  // Which of the many NaNs it is does not matter.
  private static void assertSameBits(String line, float value, int bits) {
    if (Float.isNaN(Float.intBitsToFloat(bits))) {
      assertThat(value).as(line).isNaN();
    } else {
      assertThat(Float.floatToRawIntBits(value)).as(line).isEqualTo(bits);
    }
  }
}
