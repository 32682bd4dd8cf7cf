package dev.regroup.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.device.DeviceChoice;
import dev.regroup.verify.compare.Subject;
import dev.regroup.verify.report.LogitFindings;
import dev.regroup.verify.report.VerificationReport;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The verdict and the numbers do not depend on what models ran on.
final class DeviceTest {
  @Test
  void isTheCpuForWhatNoGpuRunsWhereTheChoiceIsOurs() {
    ModelSpec source = Fixtures.spec("llama-gqa");
    var reference =
        new AttentionSpec(
            new Gla(4, 2, 32, 16, 8, 16),
            new QueryPath.Reference(128),
            new StatePath.Reference(),
            Rope.standard(8, 10_000, false),
            0.2,
            false,
            0);
    ModelSpec target =
        source.withAttention("regroup", Collections.nCopies(source.layers().size(), reference));
    try (Device device = automatic(source, target)) {
      assertThat(device.summary().kind()).isEqualTo("cpu");
      assertThat(device.summary().reason()).contains("CPU alone");
    }
    for (String name : List.of("llama-gqa", "qwen3", "deepseek-v2")) {
      try (Device device = automatic(Fixtures.spec(name))) {
        assertThat(device.summary().reason()).doesNotContain("CPU alone");
      }
    }
  }

  private static Device automatic(ModelSpec... models) {
    return Device.open(new DeviceChoice.Automatic(), OptionalLong.empty(), List.of(models));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "deepseek-v2"})
  void aGpuSaysWhatTheCpuSays(String fixture) {
    try (Device device = Device.open(new DeviceChoice.Automatic(), OptionalLong.empty())) {
      assumeTrue(device.summary().kind().equals("cuda"), device.summary()::reason);
      Subject source = Samples.model(fixture);
      Subject target =
          source.spec().layers().getFirst().attention().layout().label().equals("gqa")
              ? Samples.withGta(source)
              : source;
      var options = VerifyOptions.on(Optional.of(Samples.windows(source, 4, 80)));
      VerificationReport cpu = Verifier.verify(source, target, options, Progress.NONE);
      VerificationReport gpu =
          Verifier.verify(on(device, source), on(device, target), options, Progress.NONE);
      assertThat(gpu.verdict()).isEqualTo(cpu.verdict());
      assertThat(gpu.controls().orElseThrow().identity().exact()).isTrue();
      assertThat(gpu.controls().orElseThrow().fault().detected()).isTrue();
      assertThat(gpu.decode().orElseThrow().source().holds()).isTrue();
      assertThat(gpu.decode().orElseThrow().target().holds()).isTrue();
      LogitFindings expected = cpu.logits().orElseThrow();
      LogitFindings found = gpu.logits().orElseThrow();
      assertThat(found.kl().value()).isEqualTo(expected.kl().value(), within(1e-5));
      assertThat(found.perplexityRatio().value())
          .isEqualTo(expected.perplexityRatio().value(), within(1e-5));
      for (int i = 0; i < cpu.layers().size(); i++) {
        assertThat(gpu.layers().get(i).attentionError())
            .isEqualTo(cpu.layers().get(i).attentionError(), within(1e-5));
      }
      assertThat(gpu.speed()).isPresent();
      assertThat(gpu.device().peakBytes().orElse(0)).isPositive();
    }
  }

  private static Subject on(Device device, Subject subject) {
    return new Subject(subject.name(), subject.spec(), subject.tensors(), device);
  }
}
