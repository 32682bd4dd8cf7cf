package dev.regroup.formats.quantization;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/// The quantised weights of a checkpoint, each with its scales, from headers alone.
///
/// A weight and its scales may lie in different files. A quantised weight without scales is refused: to
/// read its codes as values would be silently wrong.
public final class ScaledWeights {
  /// Scales reach this far where no config says otherwise.
  private static final Grain DEFAULT_BLOCKS = new Grain.Blocks(128, 128);

  private final Map<String, ScaledWeight> byName = new LinkedHashMap<>();
  private final Set<String> scales = new HashSet<>();
  private final Collection<TensorInfo> tensors;
  private final Function<String, Optional<TensorInfo>> infos;
  private final Optional<Quantization> quantization;
  private final Function<String, Object> fileOf;

  private ScaledWeights(
      Optional<Quantization> quantization,
      Collection<TensorInfo> tensors,
      Function<String, Optional<TensorInfo>> infos,
      Function<String, Object> fileOf) {
    this.quantization = quantization;
    this.tensors = tensors;
    this.infos = infos;
    this.fileOf = fileOf;
  }

  /// Whether a checkpoint holds 8-bit floats at all.
  public static boolean present(Collection<TensorInfo> tensors) {
    return tensors.stream().anyMatch(info -> isQuantised(info.dtype()));
  }

  /// Finds each quantised weight's scales.
  ///
  /// @throws CheckpointException where scales are missing, misshapen, or belong to no weight, or the
  ///     config says nothing of them
  /// @throws UnsupportedModelException where the config or a dtype asks for what is not read
  public static ScaledWeights of(Checkpoint checkpoint) {
    return checkpoint instanceof DequantizedCheckpoint known ? known.weights() : find(checkpoint);
  }

  static ScaledWeights find(Checkpoint checkpoint) {
    Optional<ModelConfig> config = config(checkpoint);
    var found =
        new ScaledWeights(
            config.flatMap(Quantization::read),
            checkpoint.infos(),
            checkpoint::find,
            name -> checkpoint.locate(name).file());
    for (TensorInfo info : checkpoint.infos()) {
      if (isQuantised(info.dtype())) {
        if (config.isPresent() && found.quantization.isEmpty()) {
          throw new CheckpointException(
              "%s: expected a \"quantization_config\", as tensor %s is %s, found none"
                  .formatted(config.get().file(), Quoted.of(info.name()), info.dtype()));
        }
        found.add(info);
      }
    }
    found.requireWeights();
    found.quantization.ifPresent(found::requireQuantized);
    return found;
  }

  /// No quantised weights.
  public static ScaledWeights none() {
    return new ScaledWeights(Optional.empty(), List.of(), _ -> Optional.empty(), name -> name);
  }

  /// Reads every scale of a checkpoint, and nothing else of it.
  ///
  /// @throws CheckpointException where one is negative or not finite
  public static void requireSound(Checkpoint checkpoint) {
    for (ScaledWeight weight : of(checkpoint).all()) {
      new Scales(weight, checkpoint.floats(weight.scale().name()));
    }
  }

  /// What the config says; nothing where it says nothing.
  public Optional<Quantization> quantization() {
    return quantization;
  }

  /// The quantised weight of that name, if there is one.
  public Optional<ScaledWeight> find(String weight) {
    return Optional.ofNullable(byName.get(weight));
  }

  /// Every quantised weight, in the order of the files.
  public Collection<ScaledWeight> all() {
    return byName.values();
  }

  /// Whether a tensor of that name holds scales of a quantised weight or of its input.
  public boolean isScale(String name) {
    return scales.contains(name);
  }

  private static Optional<ModelConfig> config(Checkpoint checkpoint) {
    try {
      return Optional.of(checkpoint.config());
    } catch (CheckpointException _) {
      return Optional.empty(); // a bare file of tensors
    }
  }

  private static boolean isQuantised(Dtype dtype) {
    return switch (dtype) {
      case F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ -> true;
      case F8_E8M0, F6_E3M2, F6_E2M3, F4, F64, F32, BF16, F16 -> false;
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> false;
    };
  }

  private void add(TensorInfo weight) {
    requireReadable(weight);
    String module = ScaleNames.module(weight.name());
    if (quantization.isPresent() && new QuantizedModules(quantization.get()).isIgnored(module)) {
      throw wrong(
          weight,
          "is %s though the config's list of ignored layers names it".formatted(weight.dtype()));
    }
    TensorInfo scale = scaleOf(weight, module);
    requireScaleDtype(scale);
    Grain grain = grain(weight, scale);
    boolean powersOfTwo =
        scale.dtype() == Dtype.F8_E8M0 || quantization.map(Quantization::powersOfTwo).orElse(false);
    byName.put(weight.name(), new ScaledWeight(weight, scale, grain, powersOfTwo));
    scales.add(scale.name());
    addInputScale(weight, module + ScaleNames.INPUT);
  }

  private void requireReadable(TensorInfo weight) {
    if (weight.dtype() == Dtype.F8_E4M3FNUZ || weight.dtype() == Dtype.F8_E5M2FNUZ) {
      throw new UnsupportedModelException(
          "%s: tensor %s: expected F8_E4M3 or F8_E5M2, found %s -> use the BF16 model"
              .formatted(fileOf.apply(weight.name()), Quoted.of(weight.name()), weight.dtype()));
    }
    if (weight.shape().rank() != 2 || !weight.name().endsWith(ScaleNames.WEIGHT)) {
      throw wrong(
          weight,
          "expected 8-bit floats in matrices called \"*.weight\" only, found %s"
              .formatted(weight.shape()));
    }
  }

  private TensorInfo scaleOf(TensorInfo weight, String module) {
    List<TensorInfo> found = new ArrayList<>(1);
    for (String suffix : ScaleNames.OF_WEIGHTS) {
      infos.apply(module + suffix).ifPresent(found::add);
    }
    if (found.isEmpty()) {
      Optional<String> other =
          tensors.stream()
              .map(TensorInfo::name)
              .filter(name -> name.startsWith(module + ".") && name.contains("scale"))
              .filter(name -> !name.equals(module + ScaleNames.INPUT))
              .sorted()
              .findFirst();
      throw wrong(
          weight,
          ("is %s, and its scales %s or %s are missing%s -> an incomplete download, or scales of"
                  + " another convention")
              .formatted(
                  weight.dtype(),
                  Quoted.of(module + ScaleNames.OF_WEIGHTS.get(0)),
                  Quoted.of(module + ScaleNames.OF_WEIGHTS.get(1)),
                  other.map(name -> "; found " + Quoted.of(name)).orElse("")));
    }
    if (found.size() > 1) {
      throw wrong(
          weight,
          "expected one tensor of scales, found %s and %s"
              .formatted(Quoted.of(found.getFirst().name()), Quoted.of(found.get(1).name())));
    }
    return found.getFirst();
  }

  private void requireScaleDtype(TensorInfo scale) {
    switch (scale.dtype()) {
      case F32, BF16, F16, F8_E8M0 -> {}
      case F64, F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 ->
          throw wrong(
              scale,
              "expected scales of F32, BF16, F16 or F8_E8M0, found %s".formatted(scale.dtype()));
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL ->
          throw wrong(
              scale,
              "expected scales of F32, BF16, F16 or F8_E8M0, found %s".formatted(scale.dtype()));
    }
  }

  private Grain grain(TensorInfo weight, TensorInfo scale) {
    boolean blockwise = scale.shape().rank() == 2 && !scale.name().endsWith(".weight_scale");
    Grain expected =
        quantization
            .map(Quantization::grain)
            .orElse(blockwise ? DEFAULT_BLOCKS : new Grain.PerTensor());
    Grain perChannel = new Grain.PerChannel();
    boolean mayBePerChannel = expected instanceof Grain.PerTensor;
    if (expected.fits(weight.shape(), scale.shape())) {
      return expected;
    }
    if (mayBePerChannel && perChannel.fits(weight.shape(), scale.shape())) {
      return perChannel;
    }
    throw wrong(
        scale,
        "expected %s for the weight's %s%s, found %s"
            .formatted(
                expected.scales(weight.shape()),
                weight.shape(),
                expected instanceof Grain.Blocks(int rows, int columns)
                    ? " in blocks of %d x %d".formatted(rows, columns)
                    : "",
                scale.shape()));
  }

  private void addInputScale(TensorInfo weight, String name) {
    Optional<TensorInfo> given = infos.apply(name);
    if (given.isPresent()) {
      TensorInfo scale = given.get();
      if (!new Grain.PerTensor().fits(weight.shape(), scale.shape())) {
        throw wrong(scale, "expected [] or [1], found %s".formatted(scale.shape()));
      }
      requireScaleDtype(scale);
      scales.add(name);
    } else if (quantization.map(Quantization::staticActivations).orElse(false)) {
      throw wrong(
          weight,
          "the config says that activations are static, and %s is missing"
              .formatted(Quoted.of(name)));
    }
  }

  /// Every scale belongs to a weight.
  private void requireWeights() {
    for (TensorInfo info : tensors) {
      String name = info.name();
      if (ScaleNames.isScale(name) && !scales.contains(name)) {
        throw wrong(info, "expected an 8-bit weight beside it, found none");
      }
    }
  }

  /// Every weight that the config says is quantised is.
  private void requireQuantized(Quantization quantization) {
    QuantizedModules modules = new QuantizedModules(quantization);
    for (TensorInfo info : tensors) {
      if (modules.isMissing(info)) {
        throw wrong(
            info,
            "expected 8-bit floats, as the config's list of ignored layers does not name it, found %s -> list it there, or download the model again"
                .formatted(info.dtype()));
      }
    }
  }

  private CheckpointException wrong(TensorInfo tensor, String message) {
    return new CheckpointException(
        "%s: tensor %s: %s"
            .formatted(fileOf.apply(tensor.name()), Quoted.of(tensor.name()), message));
  }
}
