package dev.regroup.verify.compare;

import dev.regroup.verify.measure.WindowScores;
import java.util.List;

/// A contender beside the source.
///
/// @param layers one a layer
/// @param windows one a window that the contender read
public record Comparison(List<LayerDeviation> layers, List<WindowScores> windows) {
  public Comparison {
    layers = List.copyOf(layers);
    windows = List.copyOf(windows);
  }
}
