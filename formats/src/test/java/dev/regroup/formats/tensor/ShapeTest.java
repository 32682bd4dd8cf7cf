package dev.regroup.formats.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class ShapeTest {
  @Test
  void countsElementsFromLeftToRight() {
    assertThat(Shape.of(4096, 1024).elements()).isEqualTo(4096 * 1024);
    assertThat(Shape.of().elements()).isEqualTo(1);
    assertThat(Shape.of(0, Long.MIN_VALUE, 4).elements()).isZero();
    assertThatThrownBy(() -> Shape.of(Long.MIN_VALUE, 4, 0).elements())
        .isInstanceOf(ArithmeticException.class);
    assertThatThrownBy(() -> Shape.of(4194305, 4194305, 211106198978564L).elements())
        .isInstanceOf(ArithmeticException.class);
  }

  @Test
  void printsExtentsAsUnsigned() {
    assertThat(Shape.of(0, Long.MIN_VALUE)).hasToString("[0, 9223372036854775808]");
    assertThat(Shape.of(2, 3)).hasToString("[2, 3]");
  }

  @Test
  void refusesNegativeExtents() {
    assertThatThrownBy(() -> Shape.of(2, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("shape extents must be at least 0, found [2, -1]");
  }

  @Test
  void sizesNarrowElementsInBytes() {
    assertThat(new TensorInfo("t", Dtype.F4, Shape.of(3, 2)).bytes()).isEqualTo(3);
    assertThat(new TensorInfo("t", Dtype.BF16, Shape.of(3, 2)).bytes()).isEqualTo(12);
  }
}
