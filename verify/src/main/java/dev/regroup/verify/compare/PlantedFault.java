package dev.regroup.verify.compare;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import java.util.Map;

/// A target broken on purpose, in memory: the columns of `o_proj` that read one head are negated,
/// so that this head's output is subtracted instead of added. The kind of error a conversion makes
/// when a sign or an order is wrong, and that no look at names and shapes can see.
///
/// @param subject the broken target
/// @param layer where
/// @param head which
public record PlantedFault(Subject subject, int layer, int head) {
  /// Breaks the middle layer, at the head whose columns weigh most: a head that is dead would hide
  /// the fault.
  public static PlantedFault in(Subject target) {
    int layer = target.spec().layers().size() / 2;
    AttentionLayout layout = target.spec().layers().get(layer).attention().layout();
    String name = AttentionTensor.O_PROJ.in(layer);
    float[] weights = target.tensors().floats(name).clone();
    int columns = layout.queryHeads() * layout.valueDim();
    int head = heaviest(weights, columns, layout.valueDim());
    for (int i = 0; i < weights.length; i++) {
      if (i % columns / layout.valueDim() == head) {
        weights[i] = -weights[i];
      }
    }
    Shape shape = Shape.of(weights.length / columns, columns);
    Tensors broken =
        target.tensors().overlaidBy(Tensors.of(Map.of(name, weights), Map.of(name, shape)));
    return new PlantedFault(
        new Subject(
            target.name() + " with a planted fault", target.spec(), broken, target.device()),
        layer,
        head);
  }

  private static int heaviest(float[] weights, int columns, int valueDim) {
    double[] squares = new double[columns / valueDim];
    for (int i = 0; i < weights.length; i++) {
      squares[i % columns / valueDim] += (double) weights[i] * weights[i];
    }
    int heaviest = 0;
    for (int head = 1; head < squares.length; head++) {
      heaviest = squares[head] > squares[heaviest] ? head : heaviest;
    }
    return heaviest;
  }
}
