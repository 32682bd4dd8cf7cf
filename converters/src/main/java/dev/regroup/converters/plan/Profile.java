package dev.regroup.converters.plan;

import java.util.Locale;

/// In whose form a target is written: tensor names, norms and config.
public enum Profile {
  /// Our own: latents without norms, chosen frequencies, everything stated in the config.
  REGROUP,
  /// The tensors of the published GLA-2 code, a norm for each latent head.
  REFERENCE,
  /// DeepSeek-V2 with dense feed-forward layers, as stock loaders read it.
  DEEPSEEK_V2,
  /// DeepSeek-V3, the same.
  DEEPSEEK_V3;

  /// Whether all layers turn at one standard table of frequencies.
  public boolean hasOneTable() {
    return switch (this) {
      case REGROUP -> false;
      case REFERENCE, DEEPSEEK_V2, DEEPSEEK_V3 -> true;
    };
  }

  /// Whether stock DeepSeek code loads it.
  public boolean isDeepseek() {
    return switch (this) {
      case REGROUP, REFERENCE -> false;
      case DEEPSEEK_V2, DEEPSEEK_V3 -> true;
    };
  }

  /// The name on the command line and in reports.
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
