package dev.regroup.formats.quantization;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Tells a config which modules are not quantised.
///
/// | convention | keys | who reads them |
/// |---|---|---|
/// | FP8 | `ignored_layers` | vLLM: full names |
/// | | `modules_to_not_convert` | transformers: full names, or their ends |
/// | compressed-tensors | `ignore` | both: full names |
public final class IgnoredModules {
  private IgnoredModules() {}

  /// Adds modules to the lists of a config's quantisation section; does nothing where it has none.
  ///
  /// @param config the whole config, changed
  /// @param modules full names, such as `model.layers.0.self_attn.kv_b_proj`
  public static void add(ObjectNode config, Collection<String> modules) {
    for (String key : Quantization.KEYS) {
      if (config.get(key) instanceof ObjectNode section && !modules.isEmpty()) {
        if (section.path("quant_method").asString("").equals("compressed-tensors")) {
          put(section, "ignore", texts(section.get("ignore")), modules);
        } else {
          // each reader knows one of the lists: both must say all
          Set<String> before = texts(section.get("ignored_layers"));
          before.addAll(texts(section.get("modules_to_not_convert")));
          put(section, "ignored_layers", before, modules);
          put(section, "modules_to_not_convert", before, modules);
        }
      }
    }
  }

  private static Set<String> texts(JsonNode list) {
    Set<String> texts = new LinkedHashSet<>();
    if (list instanceof ArrayNode array) {
      array.forEach(element -> texts.add(element.asString()));
    }
    return texts;
  }

  private static void put(
      ObjectNode section, String key, Set<String> before, Collection<String> modules) {
    Set<String> all = new LinkedHashSet<>(before);
    all.addAll(modules);
    ArrayNode array = section.putArray(key);
    all.forEach(array::add);
  }
}
