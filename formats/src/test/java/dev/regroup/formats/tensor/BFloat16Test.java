package dev.regroup.formats.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

final class BFloat16Test {
  @Test
  void encodesWhatItDecodesForEveryCode() {
    for (int code = 0; code <= 0xffff; code++) {
      assertThat(BFloat16.encode(BFloat16.decode((short) code))).isEqualTo((short) code);
    }
  }

  @Test
  void roundsToNearestAndTiesToEven() {
    assertThat(BFloat16.encode(Float.intBitsToFloat(0x3f808000))).isEqualTo((short) 0x3f80);
    assertThat(BFloat16.encode(Float.intBitsToFloat(0x3f808001))).isEqualTo((short) 0x3f81);
    assertThat(BFloat16.encode(Float.intBitsToFloat(0x3f818000))).isEqualTo((short) 0x3f82);
    assertThat(BFloat16.encode(Float.intBitsToFloat(0x3f817fff))).isEqualTo((short) 0x3f81);
  }

  @Test
  void staysWithinHalfAStep() {
    Random random = new Random(1);
    for (int i = 0; i < 100_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      if (Math.abs(value) < 1e38) {
        float step = Math.max(Math.ulp(value) * 0x1p16f, Float.MIN_VALUE * 0x1p16f);
        assertThat(Math.abs((double) value - BFloat16.round(value)))
            .as("%a", value)
            .isLessThanOrEqualTo(step / 2.0);
      }
    }
  }

  @Test
  void overflowsToInfinityAndKeepsNaN() {
    assertThat(BFloat16.round(Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(BFloat16.round(Float.NEGATIVE_INFINITY)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(BFloat16.round(Float.NaN)).isNaN();
    assertThat(BFloat16.round(Float.intBitsToFloat(0xff800001))).isNaN();
    assertThat(Float.floatToRawIntBits(BFloat16.round(-0f))).isEqualTo(0x80000000);
  }
}
