package dev.regroup.verify.report;

import java.util.List;

/// How fast both models decode on the device, all of a step there.
///
/// @param context tokens in the cache of every sequence
/// @param batches one for each batch size
public record SpeedFindings(int context, List<Batch> batches) {
  public SpeedFindings {
    batches = List.copyOf(batches);
  }

  /// Tokens a second, of all sequences together.
  public record Batch(int sequences, double source, double target) {}
}
