package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;

/// A config's rotary parameters, in either spelling: `rope_theta` beside `rope_scaling`
/// (transformers up to 4), or both within `rope_parameters` (from 5 on). Where a config has both,
/// `rope_scaling` wins, as it does in transformers.
///
/// @param softmaxFactor what DeepSeek's attention multiplies its softmax scale by: mscale² of
///   `mscale_all_dim`, 1 where there is none. Other families do not read it
record RopeParameters(double theta, RopeScaling scaling, double softmaxFactor) {
  private static final double DEFAULT_THETA = 10000;
  private static final String ORIGINAL = "original_max_position_embeddings";

  /// Reads the parameters.
  ///
  /// @param maxPositions where `original_max_position_embeddings` is absent
  static RopeParameters read(ModelConfig config, int maxPositions) {
    String key = stated(config, "rope_scaling") ? "rope_scaling" : "rope_parameters";
    ModelConfig section = config.object(key).orElse(config);
    refusePartial(config);
    refusePartial(section);
    for (String nested : new String[] {"full_attention", "sliding_attention"}) {
      if (section.has(nested)) {
        throw CommonFields.unsupported(config, key, "one rope per layer type is not supported");
      }
    }
    double theta = section.number("rope_theta", config.number("rope_theta", DEFAULT_THETA));
    if (!(theta > 0)) {
      throw config.wrong("rope_theta", "expected a number above 0, found " + theta);
    }
    if (section == config) {
      return new RopeParameters(theta, new RopeScaling.None(), 1);
    }
    int original = config.integer(ORIGINAL, section.integer(ORIGINAL, maxPositions));
    var scaling = scaling(config, key, section, original, maxPositions);
    return new RopeParameters(theta, scaling, softmaxFactor(section, scaling));
  }

  /// The rotation of `dim` elements of a head.
  Rope rope(int dim, boolean interleaved) {
    return new Rope(scaling.inverseFrequencies(dim, theta), interleaved, scaling.attentionFactor());
  }

  private static RopeScaling scaling(
      ModelConfig config, String key, ModelConfig section, int original, int maxPositions) {
    String typeKey = section.has("rope_type") ? "rope_type" : "type";
    String type = section.text(typeKey, "default");
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(factor(section));
      case "llama3" ->
          new RopeScaling.Llama3(
              factor(section),
              section.number("low_freq_factor"),
              section.number("high_freq_factor"),
              original);
      case "yarn" -> yarn(section, original, maxPositions);
      default ->
          throw CommonFields.unsupported(
              config,
              key + "." + typeKey,
              "expected default, linear, llama3 or yarn, found " + Quoted.of(type));
    };
  }

  private static RopeScaling.Yarn yarn(ModelConfig section, int original, int maxPositions) {
    double factor = section.has("factor") ? factor(section) : (double) maxPositions / original;
    double mscale = section.number("mscale", 0);
    double mscaleAllDim = section.number("mscale_all_dim", 0);
    double attentionFactor =
        mscale != 0 && mscaleAllDim != 0
            ? RopeScaling.Yarn.mscale(factor, mscale)
                / RopeScaling.Yarn.mscale(factor, mscaleAllDim)
            : RopeScaling.Yarn.mscale(factor, 1);
    return new RopeScaling.Yarn(
        factor,
        original,
        orElse(section.number("beta_fast", 0), 32),
        orElse(section.number("beta_slow", 0), 1),
        section.flag("truncate", true),
        section.number("attention_factor", attentionFactor));
  }

  private static double softmaxFactor(ModelConfig section, RopeScaling scaling) {
    double mscaleAllDim = section.number("mscale_all_dim", 0);
    double factor =
        switch (scaling) {
          case RopeScaling.None none -> 1;
          case RopeScaling.Linear linear -> linear.factor();
          case RopeScaling.Llama3 llama3 -> llama3.factor();
          case RopeScaling.Yarn yarn -> yarn.factor();
        };
    double mscale = mscaleAllDim == 0 ? 1 : RopeScaling.Yarn.mscale(factor, mscaleAllDim);
    return mscale * mscale;
  }

  private static double factor(ModelConfig section) {
    double factor = section.number("factor");
    if (!(factor > 0)) {
      throw section.wrong("factor", "expected a number above 0, found " + factor);
    }
    return factor;
  }

  /// The reference treats 0 like an absent value here.
  private static double orElse(double value, double fallback) {
    return value == 0 ? fallback : value;
  }

  /// Whether an object is there and not empty: the reference passes over `"rope_scaling": {}`.
  private static boolean stated(ModelConfig config, String key) {
    return config.object(key).map(section -> !section.copy().isEmpty()).orElse(false);
  }

  private static void refusePartial(ModelConfig config) {
    double part = config.number("partial_rotary_factor", 1);
    if (part != 1) {
      throw CommonFields.unsupported(
          config,
          "partial_rotary_factor",
          "heads rotated in part are not supported, found " + part);
    }
  }
}
