package dev.regroup.formats.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class Float16Test {
  @Test
  void encodesWhatItDecodes() {
    for (int code = 0; code <= 0xffff; code++) {
      float value = Float16.decode((short) code);
      if (Float.isNaN(value)) {
        assertThat(Float16.decode(Float16.encode(value))).isNaN();
      } else {
        assertThat(Float16.encode(value)).isEqualTo((short) code);
      }
    }
  }

  @Test
  void roundsToNearestAndTiesToEven() {
    assertThat(Float16.encode(65519.99f)).isEqualTo((short) 0x7bff);
    assertThat(Float16.encode(65520f)).isEqualTo((short) 0x7c00);
    assertThat(Float16.encode(0x1p-25f)).isEqualTo((short) 0);
    assertThat(Float16.encode(0x1.8p-24f)).isEqualTo((short) 2);
    assertThat(Float16.encode(1f + 0x1p-11f)).isEqualTo((short) 0x3c00);
  }
}
