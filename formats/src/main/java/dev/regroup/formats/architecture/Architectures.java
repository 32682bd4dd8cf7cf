package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/// The model families we know: one line each. A new family is one new file and one line here.
public final class Architectures {
  private static final List<Architecture> ALL =
      List.of(
          new Llama(),
          new Mistral(),
          new Qwen2(),
          new Qwen3(),
          new DeepseekV2(),
          new DeepseekV3(),
          new Regrouped());

  private Architectures() {}

  /// Every family, in the order in which errors list them.
  public static List<Architecture> all() {
    return ALL;
  }

  /// What a config means.
  ///
  /// `architectures` decides; `model_type` does where there is none. A config whose two fields name
  /// two families we know is refused, since tools would disagree on which of them it is.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where a key is missing or wrong
  /// @throws UnsupportedModelException where the family is not known, or asks for what we do not
  ///   run
  public static ModelSpec describe(ModelConfig config) {
    return of(config).describe(config);
  }

  /// The family a config belongs to.
  static Architecture of(ModelConfig config) {
    List<String> classes = config.texts("architectures");
    Optional<Architecture> byClass =
        classes.stream().flatMap(name -> find(Architecture::className, name).stream()).findFirst();
    Optional<Architecture> byType =
        config.has("model_type")
            ? find(Architecture::modelType, config.text("model_type"))
            : Optional.empty();
    if (byClass.isPresent() && byType.isPresent() && !byClass.equals(byType)) {
      throw config.wrong(
          "model_type",
          "expected \"%s\", as \"architectures\" says %s, found \"%s\""
              .formatted(
                  byClass.get().modelType(), byClass.get().className(), byType.get().modelType()));
    }
    if (byClass.isEmpty() && !classes.isEmpty()) {
      throw unknown(config, "architecture", classes.getFirst(), Architecture::className);
    }
    if (byClass.isEmpty() && byType.isEmpty()) {
      throw config.has("model_type")
          ? unknown(config, "model type", config.text("model_type"), Architecture::modelType)
          : config.wrong(
              "architectures",
              "expected the name of a model class, found none -> known are "
                  + names(Architecture::className));
    }
    return byClass.or(() -> byType).orElseThrow();
  }

  /// The family of a `model_type`, or nothing where it is not known.
  static Optional<Architecture> named(String modelType) {
    return find(Architecture::modelType, modelType);
  }

  private static Optional<Architecture> find(Function<Architecture, String> by, String name) {
    return ALL.stream().filter(architecture -> by.apply(architecture).equals(name)).findFirst();
  }

  private static UnsupportedModelException unknown(
      ModelConfig config, String what, String name, Function<Architecture, String> by) {
    return new UnsupportedModelException(
        "%s: %s %s is not known; known are %s"
            .formatted(config.file(), what, Quoted.of(name), names(by)));
  }

  private static String names(Function<Architecture, String> by) {
    return ALL.stream().map(by).collect(Collectors.joining(", "));
  }
}
