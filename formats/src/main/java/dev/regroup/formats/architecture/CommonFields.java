package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.quantization.Quantization;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/// The fields every family has under the same keys, and what none of them may ask for.
///
/// @param config where they were read
/// @param hiddenSize D, `hidden_size`
/// @param layers `num_hidden_layers`
/// @param maxPositions `max_position_embeddings`, tokens
record CommonFields(ModelConfig config, int hiddenSize, int layers, int maxPositions) {
  /// What every family adds where `rms_norm_eps` is absent.
  private static final double DEFAULT_NORM_EPSILON = 1e-6;

  /// Reads the fields, refusing what we do not run.
  static CommonFields read(ModelConfig config, int defaultMaxPositions) {
    refuse(config);
    return new CommonFields(
        config,
        positive(config, "hidden_size"),
        positive(config, "num_hidden_layers"),
        config.integer("max_position_embeddings", defaultMaxPositions));
  }

  /// An integer that must be there and be at least 1.
  static int positive(ModelConfig config, String key) {
    int value = config.integer(key);
    if (value < 1) {
      throw config.wrong(key, "expected at least 1, found " + value);
    }
    return value;
  }

  /// The layers, made one by one.
  List<LayerSpec> eachLayer(IntFunction<LayerSpec> make) {
    var made = new ArrayList<LayerSpec>();
    for (int i = 0; i < layers; i++) {
      made.add(make.apply(i));
    }
    return made;
  }

  /// The dense gated MLP of `intermediate_size`.
  FeedForward.Dense dense(boolean bias) {
    return new FeedForward.Dense(positive(config, "intermediate_size"), bias);
  }

  /// The model, for families without layers after the last.
  ModelSpec spec(String architecture, List<LayerSpec> specs) {
    return spec(architecture, specs, 0);
  }

  /// The model.
  ModelSpec spec(String architecture, List<LayerSpec> specs, int extraLayers) {
    return new ModelSpec(
        architecture,
        hiddenSize,
        positive(config, "vocab_size"),
        specs,
        config.number("rms_norm_eps", DEFAULT_NORM_EPSILON),
        config.flag("tie_word_embeddings", false),
        maxPositions,
        extraLayers);
  }

  /// An error for something well-formed that we do not run.
  static UnsupportedModelException unsupported(ModelConfig config, String key, String message) {
    return new UnsupportedModelException("%s: \"%s\": %s".formatted(config.file(), key, message));
  }

  private static void refuse(ModelConfig config) {
    String activation = config.text("hidden_act", "silu");
    if (!activation.equals("silu") && !activation.equals("swish")) {
      throw unsupported(config, "hidden_act", "expected \"silu\", found " + Quoted.of(activation));
    }
    Quantization.read(config); // refuses what is not read
  }
}
