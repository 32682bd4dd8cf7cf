package dev.regroup.formats.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.attention.AttentionTensor;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The modelling files know what Java knows; that they compute it is seen where there is a Python
/// (`ModellingFileTest` of the converters).
final class ModellingFilesTest {
  @Test
  void haveTheClassesOfTheAutoMap() {
    assertThat(ModellingFiles.CLASSES.values())
        .allSatisfy(
            name -> {
              String[] parts = name.split("\\.", -1);
              assertThat(text(parts[0] + ".py")).contains("\nclass " + parts[1] + "(");
            });
  }

  @ParameterizedTest
  @EnumSource(AttentionTensor.class)
  void haveAModuleForEveryTensor(AttentionTensor tensor) {
    String[] parts = tensor.suffix().split("\\.", -1);
    assertThat(text("attention_regroup.py")).contains("self." + parts[0] + " = ");
    assertThat(parts[1]).isIn("weight", "bias");
  }

  @Test
  void knowEveryFamily() {
    String families =
        Architectures.all().stream()
            .map(Architecture::modelType)
            .filter(name -> !name.equals("regroup"))
            .map(name -> "\"" + name + "\"")
            .collect(Collectors.joining(", "));
    assertThat(text("configuration_regroup.py")).contains("\nFAMILIES = (" + families + ")\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gqa",
        "gta",
        "gla",
        "direct",
        "mixed",
        "low_rank",
        "reference",
        "key_value",
        "tied",
        "latent",
        "encoded"
      })
  void knowEveryKind(String kind) {
    assertThat(text("configuration_regroup.py")).contains("\"" + kind + "\": ");
  }

  /// Who loads a model with `trust_remote_code` runs these files.
  @Test
  void importNothingButTransformersAndTorch() {
    for (String name : ModellingFiles.NAMES) {
      List<String> imports =
          text(name)
              .lines()
              .map(String::strip)
              .filter(line -> line.matches("(from|import) [\\w.]+( .*)?") && !line.endsWith("."))
              .toList();
      assertThat(imports)
          .isNotEmpty()
          .allMatch(
              line ->
                  line.matches(
                      "(from|import) (torch|transformers|copy|dataclasses|inspect"
                          + "|\\.\\w+_regroup)\\b.*"));
      assertThat(text(name))
          .doesNotContain("eval(", "exec(", "open(", "__import__", "getattr(torch");
    }
  }

  @Test
  void namesWhatItDoesNotHave() {
    assertThatThrownBy(() -> ModellingFiles.bytes("other.py"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no modelling file \"other.py\"");
  }

  private static String text(String name) {
    return new String(ModellingFiles.bytes(name), StandardCharsets.UTF_8);
  }
}
