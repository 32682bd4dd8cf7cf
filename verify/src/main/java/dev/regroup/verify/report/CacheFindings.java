package dev.regroup.verify.report;

import java.util.List;
import java.util.OptionalDouble;

/// Bytes one token takes in the KV cache, over all layers.
///
/// @param elementBytes bytes of a cached element that all numbers here are for
/// @param perRank by tensor-parallel ranks, computed: states are dealt out, rotary keys copied
public record CacheFindings(int elementBytes, Side source, Side target, List<Rank> perRank) {
  public CacheFindings {
    perRank = List.copyOf(perRank);
  }

  /// One model.
  ///
  /// @param computed from the layout
  /// @param measured from the pages the decoder allocated; nothing where decoding was not run
  public record Side(double computed, OptionalDouble measured) {
    /// The measured number, or the computed one where nothing was measured.
    public double bytesPerToken() {
      return measured.orElse(computed);
    }

    /// Whether what was measured is what was computed.
    public boolean agree() {
      return measured.isEmpty() || Math.abs(measured.getAsDouble() - computed) <= 1e-9 * computed;
    }
  }

  /// What one of `ranks` devices keeps of a token, bytes.
  public record Rank(int ranks, double source, double target) {}
}
