package dev.regroup.runtime.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DeviceChoiceTest {
  @Test
  void readsWhatUsersWrite() {
    assertThat(DeviceChoice.parse("auto")).isEqualTo(new DeviceChoice.Automatic());
    assertThat(DeviceChoice.parse("CPU")).isEqualTo(new DeviceChoice.Cpu());
    assertThat(DeviceChoice.parse("cuda")).isEqualTo(new DeviceChoice.Cuda(0));
    assertThat(DeviceChoice.parse("cuda:3")).isEqualTo(new DeviceChoice.Cuda(3));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:99999", "cpu:0"})
  void refusesAnythingElse(String text) {
    assertThatThrownBy(() -> DeviceChoice.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("device: expected auto, cpu, cuda or cuda:N, found \"%s\"", text);
  }

  @Test
  void automaticSaysWhyItIsWhatItIs() {
    try (Device device = Device.open(new DeviceChoice.Automatic(), OptionalLong.empty())) {
      DeviceSummary summary = device.summary();
      assertThat(summary.reason())
          .startsWith(
              summary.kind().equals("cuda") ? "the first usable GPU" : "no usable GPU: cuda: ");
      assertThat(summary.peakBytes().isPresent()).isEqualTo(summary.kind().equals("cuda"));
    }
  }
}
