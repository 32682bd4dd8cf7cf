package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
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

  @Test
  void saysWhatQuantisingAnewLostWhereverItReports() throws IOException {
    Path model = folder.resolve("model");
    Path target = folder.resolve("target");
    Fixtures.write("deepseek-v3-fp8", model, 3, 2);
    String tensor = "model.layers.0.self_attn.kv_b_proj.weight";
    Run converted = Run.of("convert", model, target, "--to", "gla", "--requantize", "-q");
    assertThat(converted.exitCode()).as(converted.err()).isZero();
    assertThat(converted.out()).contains(" tensors in FP8 anew, off by at most 0.0");
    Run again =
        Run.of(
            "convert", model, folder.resolve("x"), "--to", "gla", "--requantize", "-q", "--json");
    double error = again.json().at("/layers/0/requantized").get(tensor).asDouble();
    assertThat(error).isBetween(0.001, 0.04);
    Path report = folder.resolve("report");
    Run verified =
        Run.of("verify", model, target, "-q", "--json", "--level", "tensors", "--report", report);
    assertThat(verified.exitCode()).as(verified.err()).isZero();
    assertThat(verified.json().at("/requantized").findValuesAsString("tensor")).contains(tensor);
    assertThat(Files.readString(report.resolve("report.html"))).contains(tensor, "Quantised anew");
  }
}
