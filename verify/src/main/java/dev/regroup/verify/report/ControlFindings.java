package dev.regroup.verify.report;

/// Whether the instrument itself works: tried in every run, on the same code and the same tokens.
///
/// @param windows how many were used
public record ControlFindings(int windows, Identity identity, PlantedFault fault) {
  /// The source compared with itself, its weights read a second time.
  ///
  /// @param maxKl largest KL of a token; must be 0
  /// @param perplexityRatio must be 1
  /// @param top1 must be 1
  /// @param maxLayerError largest injected error or drift of a layer; must be 0
  public record Identity(double maxKl, double perplexityRatio, double top1, double maxLayerError) {
    /// Whether nothing differs, exactly.
    public boolean exact() {
      return maxKl == 0 && perplexityRatio == 1 && top1 == 1 && maxLayerError == 0;
    }
  }

  /// The target with one head's output negated in memory.
  ///
  /// @param layer where
  /// @param head which
  /// @param klWithout mean KL of the target as it is, on the same tokens
  /// @param klWith mean KL with the fault
  /// @param meanChange mean absolute change of a token's negative log-likelihood, nats
  /// @param errorWithout the layer's injected error as it is
  /// @param errorWith the layer's injected error with the fault
  /// @param othersUnchanged whether the injected error of every other layer stayed what it was, bit
  ///     for bit
  public record PlantedFault(
      int layer,
      int head,
      double klWithout,
      double klWith,
      double meanChange,
      double errorWithout,
      double errorWith,
      boolean othersUnchanged) {
    /// The same weights run by the same code give the same bits, so that any change is the fault's;
    /// the floor only keeps a change that no reader would call one from counting.
    private static final double FLOOR = 1e-9;

    /// Whether the metrics of the layer and of the whole model moved, and of no other layer.
    public boolean detected() {
      return meanChange > FLOOR && Math.abs(errorWith - errorWithout) > FLOOR && othersUnchanged;
    }
  }
}
