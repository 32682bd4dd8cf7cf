package dev.regroup.formats.architecture;

import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What Regroup writes: any family's model with attention sublayers of our own.
///
/// The source's fields stay, so that vocabulary, norms and feed-forward are read as the source's
/// family reads them. Attention is stated in full under `regroup`, and nothing about it is derived:
///
/// | field of `regroup` | meaning |
/// |---|---|
/// | `format_version` | 1 |
/// | `tool_version` | who wrote it |
/// | `target` | the layout's label, `gta` or `gla` |
/// | `base_model_type` | the family that reads the other fields |
/// | `attention` | one attention sublayer, that of every layer; or |
/// | `layers` | one for each layer |
/// | `replaced` | the source's values of fields above that had to change |
/// | `source`, `options` | where it came from and how it was made; not read |
public final class Regrouped implements Architecture {
  private static final String SECTION = "regroup";
  private static final int FORMAT_VERSION = 1;

  /// Where a converted model came from, recorded in its config and not read back.
  ///
  /// @param toolVersion of Regroup
  /// @param source the source's identity and hashes
  /// @param options of the conversion
  public record Provenance(String toolVersion, ObjectNode source, ObjectNode options) {}

  @Override
  public String modelType() {
    return "regroup";
  }

  @Override
  public String className() {
    return "RegroupForCausalLM";
  }

  @Override
  public ModelSpec describe(ModelConfig config) {
    ModelConfig section =
        config
            .object(SECTION)
            .orElseThrow(
                () ->
                    config.wrong(
                        SECTION, "is missing; \"model_type\": \"regroup\" says it is there"));
    int version = section.integer("format_version");
    if (version != FORMAT_VERSION) {
      throw CommonFields.unsupported(
          config,
          "regroup.format_version",
          "expected %d, found %d -> use the version of Regroup that wrote it, %s"
              .formatted(
                  FORMAT_VERSION, version, Quoted.of(section.text("tool_version", "unknown"))));
    }
    ModelSpec base = base(config, section).describe(config);
    return base.withAttention(modelType(), attention(section, base.layers().size()));
  }

  /// The config of a converted model: the inverse of {@link #describe}.
  ///
  /// @param source the config of the model it was made from
  /// @param target what the result is; its layers differ from the source's in attention alone
  public static ObjectNode config(ModelConfig source, ModelSpec target, Provenance provenance) {
    ObjectNode config = source.copy();
    String base =
        source
            .object(SECTION)
            .map(section -> section.text("base_model_type"))
            .orElseGet(() -> Architectures.of(source).modelType());
    config.remove(SECTION);
    var replaced = config.objectNode();
    var regrouped = new Regrouped();
    replace(config, replaced, "model_type", config.stringNode(regrouped.modelType()));
    replace(config, replaced, "architectures", config.arrayNode().add(regrouped.className()));
    replace(config, replaced, "auto_map", autoMap(source));
    referenceFields(config, replaced, target);
    ObjectNode section = config.putObject(SECTION);
    section.put("format_version", FORMAT_VERSION);
    section.put("tool_version", provenance.toolVersion());
    section.put("target", target.layers().getFirst().attention().layout().label());
    section.put("base_model_type", base);
    putAttention(section, target.layers().stream().map(LayerSpec::attention).toList());
    section.set("replaced", replaced);
    section.set("source", provenance.source());
    section.set("options", provenance.options());
    return config;
  }

  /// Our classes for config and model. What the source names for other things, a tokenizer for one,
  /// stays with its files; its own modelling file cannot load the new layout.
  private static ObjectNode autoMap(ModelConfig source) {
    ObjectNode map = JsonNodeFactory.instance.objectNode();
    ModellingFiles.CLASSES.forEach(map::put);
    source
        .object("auto_map")
        .map(ModelConfig::copy)
        .ifPresent(
            theirs ->
                theirs.forEachEntry(
                    (name, value) -> {
                      if (!name.equals("AutoConfig") && !name.startsWith("AutoModel")) {
                        map.set(name, value);
                      }
                    }));
    return map;
  }

  /// Fields that the published GTA and GLA code reads, where all layers agree on them.
  private static void referenceFields(ObjectNode config, ObjectNode replaced, ModelSpec target) {
    var layouts = new HashSet<>(target.layers().stream().map(l -> l.attention().layout()).toList());
    if (layouts.size() != 1) {
      return;
    }
    switch (layouts.iterator().next()) {
      case Gqa gqa -> {}
      case Gta gta -> {
        replace(config, replaced, "rope_dim", config.numberNode(gta.ropeDim()));
        replace(config, replaced, "num_key_value_heads", config.numberNode(gta.kvHeads()));
      }
      case Gla gla -> {
        // DeepSeek's own field is read by its family and must stay.
        if (!config.has("qk_rope_head_dim")) {
          config.put("qk_rope_head_dim", gla.ropeDim());
        }
        AttentionSpec attention = target.layers().getFirst().attention();
        if (attention.state() instanceof StatePath.Reference) {
          publishedFields(config, replaced, attention);
        }
      }
    }
  }

  /// What the published GLA code reads of a layer in its own form.
  private static void publishedFields(
      ObjectNode config, ObjectNode replaced, AttentionSpec attention) {
    config.put("qk_rope_dim", attention.layout().ropeDim());
    config.put("head_dim", attention.layout().nopeDim());
    attention
        .rope()
        .theta()
        .ifPresent(
            theta -> {
              replace(config, replaced, "rope_theta", config.numberNode(theta));
              replace(config, replaced, "rope_parameters", null);
              replace(config, replaced, "rope_scaling", null);
            });
  }

  private static void replace(
      ObjectNode config, ObjectNode replaced, String key, @Nullable JsonNode value) {
    var before = value == null ? config.remove(key) : config.replace(key, value);
    if (before != null && !before.equals(value)) {
      replaced.set(key, before);
    }
  }

  private static void putAttention(ObjectNode section, List<AttentionSpec> layers) {
    if (new HashSet<>(layers).size() == 1) {
      section.set("attention", AttentionJson.write(layers.getFirst()));
      return;
    }
    ArrayNode array = section.putArray("layers");
    layers.forEach(layer -> array.add(AttentionJson.write(layer)));
  }

  private static List<AttentionSpec> attention(ModelConfig section, int layers) {
    var once = section.object("attention");
    if (once.isPresent()) {
      return Collections.nCopies(layers, AttentionJson.read(once.get()));
    }
    List<AttentionSpec> each = section.objects("layers").stream().map(AttentionJson::read).toList();
    if (each.size() != layers) {
      throw section.wrong(
          "layers",
          "expected %d, as \"num_hidden_layers\" says, found %d".formatted(layers, each.size()));
    }
    return each;
  }

  private Architecture base(ModelConfig config, ModelConfig section) {
    String name = section.text("base_model_type");
    return Architectures.named(name)
        .filter(architecture -> !architecture.modelType().equals(modelType()))
        .orElseThrow(
            () ->
                CommonFields.unsupported(
                    config,
                    "regroup.base_model_type",
                    "model type %s is not known".formatted(Quoted.of(name))));
  }
}
