package dev.regroup.formats.quantization;

import static dev.regroup.formats.quantization.Quantization.unsupported;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import java.util.Optional;

/// Reads the config of compressed-tensors: one group of layers, whose weights are 8-bit floats.
///
/// Source: vllm-project/compressed-tensors at ac8e2ba, `quantization/quant_config.py` and
/// `quant_args.py`.
final class CompressedTensors {
  private CompressedTensors() {}

  static Quantization read(String key, ModelConfig section) {
    String format = section.text("format", "float-quantized");
    if (!format.equals("float-quantized") && !format.equals("naive-quantized")) {
      throw unsupported(
          key,
          section,
          "format",
          "expected \"float-quantized\", found %s -> use the BF16 model"
              .formatted(Quoted.of(format)));
    }
    ModelConfig group = onlyGroup(key, section);
    ModelConfig weights =
        group
            .object("weights")
            .orElseThrow(() -> group.wrong("weights", "expected an object, found none"));
    requireFloat8(key, weights);
    return new Quantization(
        Quantization.Convention.COMPRESSED_TENSORS,
        grain(key, weights),
        group.object("input_activations").filter(CompressedTensors::isStatic).isPresent(),
        false,
        group.texts("targets"),
        section.texts("ignore"));
  }

  private static ModelConfig onlyGroup(String key, ModelConfig section) {
    ModelConfig groups =
        section
            .object("config_groups")
            .orElseThrow(() -> section.wrong("config_groups", "expected an object, found none"));
    var names = groups.copy().propertyNames();
    if (names.size() != 1) {
      throw unsupported(key, section, "config_groups", "expected one group, found " + names.size());
    }
    String name = names.iterator().next();
    return groups
        .object(name)
        .orElseThrow(() -> groups.wrong(name, "expected an object, found none"));
  }

  private static boolean isStatic(ModelConfig activations) {
    return !activations.flag("dynamic", false);
  }

  private static void requireFloat8(String key, ModelConfig weights) {
    int bits = weights.integer("num_bits", 8);
    String type = weights.text("type", "int");
    if (bits != 8 || !type.equals("float") || !weights.flag("symmetric", true)) {
      throw unsupported(
          key,
          weights,
          "config_groups",
          "expected symmetric floats of 8 bits, found %s of %d -> use the BF16 model"
              .formatted(Quoted.of(type), bits));
    }
  }

  private static Grain grain(String key, ModelConfig weights) {
    Optional<String> strategy =
        weights.has("strategy") ? Optional.of(weights.text("strategy")) : Optional.empty();
    return switch (strategy.orElse("tensor")) {
      case "tensor" -> new Grain.PerTensor();
      case "channel" -> new Grain.PerChannel();
      case "block" -> Quantization.blocks(weights, "block_structure");
      default ->
          throw unsupported(
              key,
              weights,
              "config_groups",
              "expected weights scaled by tensor, channel or block, found %s -> use the BF16 model"
                  .formatted(Quoted.of(strategy.orElse(""))));
    };
  }
}
