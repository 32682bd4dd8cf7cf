package dev.regroup.runtime.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class GpuReachTest {
  private static final ModelSpec SOURCE = Fixtures.spec("llama-gqa");

  @Test
  void refusesTheReferencesFormAlone() {
    for (String name : List.of("llama-gqa", "qwen3", "deepseek-v2")) {
      assertThat(GpuReach.refusal(List.of(Fixtures.spec(name)))).isEmpty();
    }
    assertThat(GpuReach.refusal(List.of(SOURCE, reference()))).isPresent();
  }

  @Test
  void leavesSuchAModelToTheCpuWhereTheChoiceIsOurs() {
    var automatic = new DeviceChoice.Automatic();
    try (Device device = Device.open(automatic, OptionalLong.empty(), List.of(reference()))) {
      assertThat(device.summary().kind()).isEqualTo("cpu");
      assertThat(device.summary().reason()).contains("CPU alone");
    }
  }

  private static ModelSpec reference() {
    var attention =
        new AttentionSpec(
            new Gla(4, 2, 32, 16, 8, 16),
            new QueryPath.Reference(128),
            new StatePath.Reference(),
            Rope.standard(8, 10_000, false),
            0.2,
            false,
            0);
    return SOURCE.withAttention(
        "regroup", Collections.nCopies(SOURCE.layers().size(), attention));
  }
}
