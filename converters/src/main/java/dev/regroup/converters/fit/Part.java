package dev.regroup.converters.fit;

/// The maps of a {@link dev.regroup.converters.closedform.FactoredAttention} that a refit may change.
enum Part {
  QUERY,
  STATE,
  ROPE_KEY,
  KEY_UP,
  VALUE_UP,
  OUTPUT,
  /// Gains of a {@link dev.regroup.converters.closedform.LatentNorm}; on the processor alone.
  NORM_GAIN
}
