package dev.regroup.verify.report;

import java.util.Locale;

/// How deep a verification looks. Two questions are never mixed: whether something is exact
/// (tensors, decode) and how far the target's words are from the source's (attention, layers,
/// logits).
public enum Level {
  /// Unchanged tensors byte for byte, shapes, finite values.
  TENSORS,
  /// What each attention sublayer does to the source's own input.
  ATTENTION,
  /// How far the residual stream drifts, layer after layer. Needs text.
  LAYERS,
  /// What the model says: perplexity, KL divergence, agreement. Needs text.
  LOGITS,
  /// Token by token through the paged cache equals all at once; bytes of the cache.
  DECODE;

  /// The name in reports and on the command line.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// Whether random tokens would say nothing at this level.
  public boolean needsText() {
    return this == LAYERS || this == LOGITS;
  }
}
