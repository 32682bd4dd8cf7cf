package dev.regroup.converters;

import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.runtime.text.TokenWindows;

/// Whether there is text enough to tell the directions of a state from each other.
final class EnoughTokens {
  /// With fewer tokens than directions, some of what is kept is chosen by nothing.
  private static final int TOKENS_PER_DIRECTION = 1;

  private EnoughTokens() {}

  /// @throws CheckpointException where the calibration text is too short for the target's ranks
  static void require(ModelSpec target, TokenWindows calibration) {
    int rank = 0;
    int at = 0;
    for (int i = 0; i < target.layers().size(); i++) {
      LayerSpec layer = target.layers().get(i);
      AttentionLayout layout = layer.attention().layout();
      if (layout.cacheRow().stateDim() > rank) {
        rank = layout.cacheRow().stateDim();
        at = i;
      }
    }
    long needed = (long) TOKENS_PER_DIRECTION * rank;
    if (calibration.tokens() < needed) {
      throw new CheckpointException(
          ("%s: calibration text for states of rank %d (layer %d): expected at least %d tokens,"
                  + " found %d -> give more text, or convert without --calibration")
              .formatted(calibration.source(), rank, at, needed, calibration.tokens()));
    }
  }
}
