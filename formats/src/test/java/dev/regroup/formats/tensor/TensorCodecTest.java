package dev.regroup.formats.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

final class TensorCodecTest {
  @ParameterizedTest
  @CsvSource({
    "F64, 000000000000f83f 00000000000004c0, 000000000000f83f 00000000000004c0",
    "F32, 0000c03f 000020c0, 0000c03f 000020c0",
    "BF16, c03f 20c0, c03f 20c0",
    "F16, 003e 00c1, 003e 00c1",
    "F8_E4M3, 3c c2, 3c c2",
    "F8_E5M2, 3e c1, 3e c1",
  })
  void knowsTheBytesOfOneAndAHalfAndMinusTwoAndAHalf(Dtype dtype, String one, String two) {
    byte[] bytes = HexFormat.of().parseHex(one.replace(" ", ""));
    float[] values = new float[2];
    TensorCodec.decode(dtype, ByteBuffer.wrap(bytes), values, 0);
    assertThat(values).containsExactly(1.5f, -2.5f);
    ByteBuffer encoded = ByteBuffer.allocate(bytes.length);
    TensorCodec.encode(dtype, values, 0, encoded);
    assertThat(encoded.hasRemaining()).isFalse();
    assertThat(encoded.array()).isEqualTo(HexFormat.of().parseHex(two.replace(" ", "")));
  }

  @ParameterizedTest
  @EnumSource(names = {"F64", "F32", "BF16", "F16", "F8_E4M3", "F8_E5M2"})
  void decodesWhatItEncodesOverSeveralChunks(Dtype dtype) {
    Random random = new Random(dtype.bits());
    float[] values = new float[3 + 2 * 4096 + 5];
    for (int i = 0; i < values.length; i++) {
      values[i] = (random.nextInt(16) - 8) / 8f;
    }
    int count = values.length - 3;
    ByteBuffer bytes = ByteBuffer.allocateDirect(1 + count * dtype.bits() / 8).position(1);
    TensorCodec.encode(dtype, values, 3, bytes);
    float[] decoded = new float[values.length];
    System.arraycopy(values, 0, decoded, 0, 3);
    TensorCodec.decode(dtype, bytes.position(1), decoded, 3);
    assertThat(decoded).containsExactly(values);
    assertThat(bytes.hasRemaining()).isFalse();
  }

  @Test
  void readsLittleEndianWhateverTheBufferSays() {
    ByteBuffer bytes = ByteBuffer.wrap(new byte[] {0, 0, (byte) 0x80, 0x3f});
    float[] value = new float[1];
    TensorCodec.decode(Dtype.F32, bytes.order(ByteOrder.BIG_ENDIAN), value, 0);
    assertThat(value).containsExactly(1f);
    assertThat(bytes.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
  }

  @ParameterizedTest
  @EnumSource(
      mode = Mode.EXCLUDE,
      names = {"F64", "F32", "BF16", "F16", "F8_E4M3", "F8_E5M2", "F8_E8M0"})
  void refusesWhatHoldsNoFloatsThatItKnows(Dtype dtype) {
    assertThat(TensorCodec.knows(dtype)).isFalse();
    assertThatThrownBy(() -> TensorCodec.decode(dtype, ByteBuffer.allocate(8), new float[8], 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(dtype.name());
    assertThatThrownBy(() -> TensorCodec.encode(dtype, new float[8], 0, ByteBuffer.allocate(8)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
