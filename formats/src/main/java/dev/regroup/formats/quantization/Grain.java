package dev.regroup.formats.quantization;

import dev.regroup.formats.tensor.Shape;

/// How far one scale of a weight reaches.
public sealed interface Grain {
  /// One scale for the whole weight.
  record PerTensor() implements Grain {}

  /// One scale for each row: each output.
  record PerChannel() implements Grain {}

  /// One scale for each block; blocks at the lower and right edge may be smaller.
  ///
  /// @param rows of a block, at least 1
  /// @param columns of a block, at least 1
  record Blocks(int rows, int columns) implements Grain {
    public Blocks {
      if (rows < 1 || columns < 1) {
        throw new IllegalArgumentException(
            "a block has at least one element, found %d x %d".formatted(rows, columns));
      }
    }
  }

  /// Rows of a weight that share scales.
  ///
  /// @param weight `[out, in]`
  default int rows(Shape weight) {
    return switch (this) {
      case PerTensor _ -> Math.toIntExact(weight.extent(0));
      case PerChannel _ -> 1;
      case Blocks blocks -> blocks.rows();
    };
  }

  /// Columns of a weight that share scales.
  ///
  /// @param weight `[out, in]`
  default int columns(Shape weight) {
    return switch (this) {
      case PerTensor _, PerChannel _ -> Math.toIntExact(weight.extent(1));
      case Blocks blocks -> blocks.columns();
    };
  }

  /// The shape of a weight's scales, as this grain's convention writes it.
  ///
  /// @param weight `[out, in]`
  default Shape scales(Shape weight) {
    return switch (this) {
      case PerTensor _ -> Shape.of();
      case PerChannel _ -> Shape.of(weight.extent(0), 1);
      case Blocks blocks ->
          Shape.of(
              Math.ceilDiv(weight.extent(0), blocks.rows()),
              Math.ceilDiv(weight.extent(1), blocks.columns()));
    };
  }

  /// Whether scales of this shape serve a weight: a single one may be `[]` or `[1]`, one a row `[out]` or
  /// `[out, 1]`.
  default boolean fits(Shape weight, Shape scales) {
    return switch (this) {
      case PerTensor _ -> scales.equals(Shape.of()) || scales.equals(Shape.of(1));
      case PerChannel _ ->
          scales.equals(scales(weight)) || scales.equals(Shape.of(weight.extent(0)));
      case Blocks _ -> scales.equals(scales(weight));
    };
  }
}
