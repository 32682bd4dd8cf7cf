package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.quantization.ScaledWeights;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/// The tensors a model should have, held against those a checkpoint has.
///
/// Allowed beyond the spec: rotary tables of old files (`*.rotary_emb.inv_freq`), layers for
/// multi-token prediction that `num_nextn_predict_layers` explains, an output head stored though it
/// is tied, and the scales of quantised weights.
public final class Inventory {
  private static final int NAMED = 5;
  private static final String LAYER_PREFIX = "model.layers.";

  private final ModelSpec spec;
  private final Checkpoint checkpoint;
  private final ScaledWeights scaled;

  private Inventory(ModelSpec spec, Checkpoint checkpoint) {
    this.spec = spec;
    this.checkpoint = checkpoint;
    this.scaled = ScaledWeights.of(checkpoint);
  }

  /// Checks every tensor's presence, shape and dtype, from headers alone.
  ///
  /// @return what is odd but not wrong, one line each
  /// @throws CheckpointException where a tensor is missing, not expected, of another shape, or not
  ///   of floating point
  public static List<String> check(ModelSpec spec, Checkpoint checkpoint) {
    return new Inventory(spec, checkpoint).check();
  }

  private List<String> check() {
    Map<String, Shape> expected = spec.tensors();
    List<String> missing =
        expected.keySet().stream().filter(name -> checkpoint.find(name).isEmpty()).toList();
    List<TensorInfo> strange = new ArrayList<>();
    List<TensorInfo> misshapen = new ArrayList<>();
    List<TensorInfo> notFloating = new ArrayList<>();
    for (TensorInfo info : checkpoint.infos()) {
      Shape shape = expected.get(info.name());
      if (shape == null) {
        if (!isAllowedExtra(info.name())) {
          strange.add(info);
        }
      } else if (!shape.equals(info.shape())) {
        misshapen.add(info);
      } else if (!isFloating(info.dtype()) && scaled.find(info.name()).isEmpty()) {
        notFloating.add(info);
      }
    }
    // A wrong config makes many tensors wrong; shapes tell most about what is wrong with it.
    requireNone(
        misshapen,
        info -> misshapen(info, expected),
        "config.json and this file do not belong together");
    requireNone(notFloating, Inventory::notFloating, "save the weights as floats");
    requirePresent(missing);
    requireKnown(strange);
    return remarks();
  }

  private List<String> remarks() {
    if (spec.tiedEmbeddings() && checkpoint.find(ModelSpec.HEAD).isPresent()) {
      return List.of(
          "%s: tensor \"%s\" is stored though \"tie_word_embeddings\" is set; \"%s\" is used"
              .formatted(fileOf(ModelSpec.HEAD), ModelSpec.HEAD, ModelSpec.EMBEDDING));
    }
    return List.of();
  }

  private boolean isAllowedExtra(String name) {
    return name.endsWith(".rotary_emb.inv_freq")
        || (spec.tiedEmbeddings() && name.equals(ModelSpec.HEAD))
        || scaled.isScale(name)
        || isExtraLayer(name);
  }

  private boolean isExtraLayer(String name) {
    int end = name.indexOf('.', LAYER_PREFIX.length());
    if (!name.startsWith(LAYER_PREFIX) || end < 0) {
      return false;
    }
    String index = name.substring(LAYER_PREFIX.length(), end);
    if (!index.matches("[0-9]{1,6}")) {
      return false;
    }
    int layer = Integer.parseInt(index);
    int first = spec.layers().size();
    return layer >= first && layer < first + spec.extraLayers();
  }

  private static boolean isFloating(Dtype dtype) {
    return switch (dtype) {
      case F64, F32, BF16, F16 -> true;
      case U64, I64, C64, U32, I32, U16, I16, I8, U8, BOOL -> false;
      // Without the scales that a quantisation config describes they mean nothing.
      case F8_E5M2FNUZ, F8_E4M3FNUZ, F8_E8M0, F8_E4M3, F8_E5M2, F6_E3M2, F6_E2M3, F4 -> false;
    };
  }

  private String misshapen(TensorInfo info, Map<String, Shape> expected) {
    return "expected %s, found %s".formatted(expected.get(info.name()), info.shape());
  }

  private static String notFloating(TensorInfo info) {
    return "expected F32, BF16, F16 or F64, found " + info.dtype();
  }

  private void requireNone(
      List<TensorInfo> wrong, Function<TensorInfo, String> what, String advice) {
    if (!wrong.isEmpty()) {
      TensorInfo first = wrong.getFirst();
      throw new CheckpointException(
          "%s: tensor %s: %s%s -> %s"
              .formatted(
                  fileOf(first.name()),
                  Quoted.of(first.name()),
                  what.apply(first),
                  others(wrong.stream().skip(1).map(TensorInfo::name).toList()),
                  advice));
    }
  }

  private void requirePresent(List<String> missing) {
    if (!missing.isEmpty()) {
      throw new CheckpointException(
          "%s: tensor \"%s\": expected %s, found none%s -> %s"
              .formatted(
                  checkpoint.path(),
                  missing.getFirst(),
                  spec.tensors().get(missing.getFirst()),
                  others(missing.subList(1, missing.size())),
                  missing.contains(ModelSpec.HEAD)
                      ? "an incomplete download, or \"tie_word_embeddings\" should be true"
                      : "an incomplete download, or another model's config.json"));
    }
  }

  private void requireKnown(List<TensorInfo> strange) {
    if (!strange.isEmpty()) {
      String first = strange.getFirst().name();
      throw new CheckpointException(
          "%s: tensor %s: expected none of this name, as architecture %s has none%s -> %s"
              .formatted(
                  fileOf(first),
                  Quoted.of(first),
                  spec.architecture(),
                  others(strange.stream().skip(1).map(TensorInfo::name).toList()),
                  "another model's file, or another model's config.json"));
    }
  }

  private static String others(List<String> names) {
    if (names.isEmpty()) {
      return "";
    }
    return names.stream()
            .limit(NAMED - 1)
            .map(Quoted::of)
            .collect(Collectors.joining(", ", " (and so %d more: ".formatted(names.size()), ""))
        + (names.size() > NAMED - 1 ? ", ...)" : ")");
  }

  private Path fileOf(String name) {
    return checkpoint.locate(name).file();
  }
}
