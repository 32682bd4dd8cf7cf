package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every command on FP8 models.
final class QuantizedModelTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"deepseek-v2-fp8", "deepseek-v3-fp8-ue8m0"})
  void isInspectedPlannedConvertedAndVerified(String name) {
    Path model = folder.resolve("model");
    Path target = folder.resolve("target");
    Fixtures.write(name, model, 3, 2);
    Run inspected = Run.of("inspect", model);
    assertThat(inspected.exitCode()).as(inspected.err()).isZero();
    assertThat(inspected.out()).contains("F8_E4M3");
    Run planned = Run.of("plan", model, "--to", "gla");
    assertThat(planned.exitCode()).as(planned.err()).isZero();
    assertThat(planned.out()).contains("--requantize", "weight_scale");
    Run converted = Run.of("convert", model, target, "--to", "gla", "-q");
    assertThat(converted.exitCode()).as(converted.err()).isZero();
    Run verified = Run.of("verify", model, target, "-q", "--level", "tensors,attention,decode");
    assertThat(verified.exitCode()).as(verified.out() + verified.err()).isZero();
    assertThat(verified.out()).contains("PASS");
  }
}
