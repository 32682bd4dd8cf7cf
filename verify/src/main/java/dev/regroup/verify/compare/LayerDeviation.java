package dev.regroup.verify.compare;

import dev.regroup.verify.measure.Deviation;
import java.util.List;

/// How far a contender's layer is from the source's.
///
/// @param attentionByWindow of the attention sublayers' outputs, both fed the source's residual
///     stream
/// @param streamByWindow of the residual streams after the layer, each on its own
/// @param sameExperts choices of the source's router that the contender's made too
/// @param experts choices of the source's router; 0 for a dense layer
public record LayerDeviation(
    List<Deviation> attentionByWindow,
    List<Deviation> streamByWindow,
    long sameExperts,
    long experts) {
  public LayerDeviation {
    attentionByWindow = List.copyOf(attentionByWindow);
    streamByWindow = List.copyOf(streamByWindow);
  }

  /// The attention sublayers' deviation over all windows.
  public Deviation attention() {
    return Deviation.sum(attentionByWindow);
  }

  /// The attention sublayers' deviation over the first windows.
  public Deviation attention(int windows) {
    return Deviation.sum(attentionByWindow.subList(0, windows));
  }

  /// The residual streams' deviation over all windows.
  public Deviation stream() {
    return Deviation.sum(streamByWindow);
  }
}
