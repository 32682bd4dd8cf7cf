package dev.regroup.formats.quantization;

import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;

/// A quantised weight and its scales.
///
/// @param weight `[out, in]`, F8_E4M3 or F8_E5M2
/// @param scale its scales, in the shape that the grain gives
/// @param grain how far one scale reaches
/// @param powersOfTwo whether every scale is a power of two
public record ScaledWeight(TensorInfo weight, TensorInfo scale, Grain grain, boolean powersOfTwo) {
  /// Another weight, quantised in the same way.
  ///
  /// @param name of the other weight, `X.weight`
  /// @param shape of the other weight, `[out, in]`
  public ScaledWeight like(String name, Shape shape) {
    String suffix = scale.name().substring(ScaleNames.module(weight.name()).length());
    Shape scales = grain.scales(shape);
    if (grain instanceof Grain.PerTensor) {
      scales = scale.shape();
    } else if (grain instanceof Grain.PerChannel && scale.shape().rank() == 1) {
      scales = Shape.of(shape.extent(0));
    }
    return new ScaledWeight(
        new TensorInfo(name, weight.dtype(), shape),
        new TensorInfo(ScaleNames.module(name) + suffix, scale.dtype(), scales),
        grain,
        powersOfTwo);
  }
}
