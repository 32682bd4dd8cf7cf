package dev.regroup.formats.quantization;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What a config's `quantization_config` (or `compression_config`) says of FP8 weights.
///
/// @param convention whose keys it has
/// @param grain of scales
/// @param staticActivations whether each quantised layer has an `input_scale`
/// @param powersOfTwo whether scales are powers of two (`"scale_fmt": "ue8m0"`)
/// @param targets modules that are quantised: kinds, full names, or regular expressions behind `re:`;
///     every linear layer where empty
/// @param ignored modules that are not quantised: full names, or regular expressions behind `re:`
public record Quantization(
    Convention convention,
    Grain grain,
    boolean staticActivations,
    boolean powersOfTwo,
    List<String> targets,
    List<String> ignored) {
  /// What the config's keys are.
  public enum Convention {
    /// `"quant_method": "fp8"`: DeepSeek's blocks, and the single scales of AutoFP8 and vLLM.
    FP8,
    /// `"quant_method": "compressed-tensors"` in its format `float-quantized`.
    COMPRESSED_TENSORS
  }

  /// Where configs say it, the usual place first.
  public static final List<String> KEYS = List.of("quantization_config", "compression_config");

  public Quantization {
    targets = List.copyOf(targets);
    ignored = List.copyOf(ignored);
  }

  /// Reads it; nothing where the config speaks of none.
  ///
  /// @throws UnsupportedModelException where it is of a kind that is not read
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where a key is missing or wrong
  public static Optional<Quantization> read(ModelConfig config) {
    for (String key : KEYS) {
      Optional<ModelConfig> section = config.object(key);
      if (section.isPresent()) {
        return Optional.of(read(key, section.get()));
      }
    }
    return Optional.empty();
  }

  private static Quantization read(String key, ModelConfig section) {
    String method = section.text("quant_method");
    refuseCacheScales(key, section);
    return switch (method) {
      case "fp8" -> fp8(key, section);
      case "compressed-tensors" -> CompressedTensors.read(key, section);
      default ->
          throw unsupported(
              key,
              section,
              "quant_method",
              "expected \"fp8\" or \"compressed-tensors\", found %s -> use the BF16 model"
                  .formatted(Quoted.of(method)));
    };
  }

  private static Quantization fp8(String key, ModelConfig section) {
    String format = section.text("fmt", "e4m3");
    if (!format.equals("e4m3") && !format.equals("float8_e4m3fn")) {
      throw unsupported(key, section, "fmt", "expected \"e4m3\", found " + Quoted.of(format));
    }
    Grain grain = new Grain.PerTensor();
    if (section.has("weight_block_size")) {
      grain = blocks(section, "weight_block_size");
    }
    List<String> ignored = new ArrayList<>(section.texts("ignored_layers"));
    ignored.addAll(section.texts("modules_to_not_convert"));
    String scales = section.text("scale_fmt", "float");
    return new Quantization(
        Convention.FP8, grain, isStatic(key, section), scales.equals("ue8m0"), List.of(), ignored);
  }

  static Grain.Blocks blocks(ModelConfig section, String key) {
    List<Integer> extents = section.integers(key);
    if (extents.size() != 2 || extents.getFirst() < 1 || extents.getLast() < 1) {
      throw section.wrong(key, "expected two numbers of at least 1, found " + extents);
    }
    return new Grain.Blocks(extents.getFirst(), extents.getLast());
  }

  private static boolean isStatic(String key, ModelConfig section) {
    String scheme = section.text("activation_scheme", "dynamic");
    return switch (scheme) {
      case "static" -> true;
      case "dynamic" -> false;
      default ->
          throw unsupported(
              key,
              section,
              "activation_scheme",
              "expected \"static\" or \"dynamic\", found " + Quoted.of(scheme));
    };
  }

  private static void refuseCacheScales(String key, ModelConfig section) {
    if (section.has("kv_cache_scheme")) {
      throw unsupported(
          key,
          section,
          "kv_cache_scheme",
          "expected none: scales of cached keys and values do not fit another layout"
              + " -> use a model without a quantised cache");
    }
  }

  static UnsupportedModelException unsupported(
      String section, ModelConfig config, String key, String message) {
    return new UnsupportedModelException(
        "%s: \"%s.%s\": %s".formatted(config.file(), section, key, message));
  }
}
