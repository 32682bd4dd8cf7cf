package dev.regroup.cli;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;

/// How text is cut for models.
final class Windows {
  private static final int MOST_TOKENS = 512;

  private Windows() {}

  /// Tokens of a window: 512, or as many positions as the model has where those are fewer.
  static int tokens(Checkpoint checkpoint) {
    return Math.min(MOST_TOKENS, Checkpoints.describe(checkpoint).maxPositions());
  }
}
