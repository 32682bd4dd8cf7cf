package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Which of Qwen's layers see a sliding window: none unless `use_sliding_window` is set; then those
/// that `layer_types` names, or else those from `max_window_layers` on.
///
/// Source: transformers 5.18, `models/qwen2/configuration_qwen2.py`.
final class LayerWindows {
  private static final int DEFAULT_WINDOW = 4096;
  private static final int DEFAULT_FIRST = 28;

  private LayerWindows() {}

  /// How many tokens a token sees in each layer; 0 for all before it.
  static List<Integer> read(ModelConfig config, int layers) {
    boolean windows = config.flag("use_sliding_window", false);
    if (config.has("layer_types")) {
      return byType(config, layers, windows);
    }
    if (!windows) {
      return Collections.nCopies(layers, 0);
    }
    int window = window(config);
    int first = config.integer("max_window_layers", DEFAULT_FIRST);
    var each = new ArrayList<Integer>();
    for (int i = 0; i < layers; i++) {
      each.add(i >= first ? window : 0);
    }
    return each;
  }

  /// `sliding_window`: 4096 where it is absent, 0 (all tokens) where it is null.
  static int window(ModelConfig config) {
    String key = "sliding_window";
    if (config.copy().path(key).isNull()) {
      return 0;
    }
    int window = config.integer(key, DEFAULT_WINDOW);
    if (window < 1) {
      throw config.wrong(key, "expected at least 1 token or null, found " + window);
    }
    return window;
  }

  private static List<Integer> byType(ModelConfig config, int layers, boolean windows) {
    List<String> types = config.texts("layer_types");
    if (types.size() != layers) {
      throw config.wrong(
          "layer_types",
          "expected %d, as \"num_hidden_layers\" says, found %d".formatted(layers, types.size()));
    }
    var each = new ArrayList<Integer>();
    for (String type : types) {
      each.add(
          switch (type) {
            case "full_attention" -> 0;
            case "sliding_attention" -> slidingWindow(config, windows);
            default ->
                throw CommonFields.unsupported(
                    config,
                    "layer_types",
                    "expected full_attention or sliding_attention, found " + Quoted.of(type));
          });
    }
    return each;
  }

  private static int slidingWindow(ModelConfig config, boolean windows) {
    int window = windows ? window(config) : 0;
    if (window == 0) {
      throw config.wrong(
          "layer_types",
          "has sliding_attention, but \"use_sliding_window\" or \"sliding_window\" is not set");
    }
    return window;
  }
}
