package dev.regroup.converters.plan;

import java.util.Locale;

/// The attention layouts that we convert to.
public enum TargetLayout {
  /// Grouped-Tied Attention.
  GTA,
  /// Grouped Latent Attention.
  GLA,
  /// Multi-head latent attention, in DeepSeek's own layout.
  MLA;

  /// The name on the command line and in reports.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
