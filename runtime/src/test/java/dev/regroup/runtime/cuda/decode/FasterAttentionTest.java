package dev.regroup.runtime.cuda.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.cuda.decode.DecodeShape.Types;
import org.junit.jupiter.api.Test;

/// What bench/decode-loop.md measured to be faster is chosen.
final class FasterAttentionTest {
  private static final CudaDevice H200 =
      new CudaDevice(0, "H200", 90, 1L << 37, 132, 50_000_000, 232_448, "13");

  private static boolean pays(AttentionLayout layout, int window, int sequences, int tokens) {
    return pays(layout, window, sequences, tokens, Precision.BFLOAT16);
  }

  private static boolean pays(
      AttentionLayout layout, int window, int sequences, int tokens, Precision type) {
    var types = new Types(type, type, type);
    var shape = new DecodeShape(layout.cacheRow(), layout.queryHeads(), 1, window, types);
    return FasterAttention.pays(shape, sequences, tokens / DecodePlan.PAGE, H200);
  }

  @Test
  void manyTokensAreForDecodeKernels() {
    assertThat(pays(new Gqa(32, 8, 64), 0, 64, 4096)).isTrue();
    assertThat(pays(new Gta(32, 8, 64, 32), 0, 64, 4096)).isTrue();
    assertThat(pays(new Gla(16, 1, 512, 128, 64, 128), 0, 1, 4096)).isTrue();
    assertThat(pays(new Gla(16, 2, 256, 128, 64, 128), 0, 1, 4096)).isTrue();
  }

  @Test
  void fewAreForThePlainKernel() {
    assertThat(pays(new Gqa(8, 4, 32), 0, 64, 512)).isFalse();
    assertThat(pays(new Gqa(32, 8, 64), 0, 1, 512)).isFalse();
    assertThat(pays(new Gqa(32, 8, 64), 128, 8, 4096)).isFalse(); // those in the window count
  }

  @Test
  void shapesWithoutAKernelOfTheirOwnAreForThePlainKernel() {
    assertThat(pays(new Gta(8, 4, 32, 16), 0, 64, 4096)).isFalse();
    assertThat(pays(new Gqa(32, 8, 64), 0, 64, 4096, Precision.FLOAT32)).isFalse();
  }

  @Test
  void whatThePlainKernelCannotDoIsForDecodeKernels() {
    assertThat(pays(new Gla(16, 1, 512, 128, 192, 128), 0, 1, 64)).isTrue();
  }
}
