package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.runtime.DeviceException;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;

/// What is said of drivers that do not serve, by stand-ins for them.
final class DriverTest {
  /// @param initialised what `cuInit` returns
  private record StandIn(int initialised, int version) implements Driver.Library {
    @Override
    public void load() {}

    @Override
    public int initialise() {
      return initialised;
    }

    @Override
    public int version(int[] into) {
      into[0] = version;
      return CUresult.CUDA_SUCCESS;
    }
  }

  @Test
  void servesFromItsOldestVersionOn() {
    assertThat(Driver.open(new StandIn(CUresult.CUDA_SUCCESS, 12000))).isEqualTo(12000);
    assertThat(Driver.open(new StandIn(CUresult.CUDA_SUCCESS, 13000))).isEqualTo(13000);
  }

  @Test
  void saysThatADriverIsTooOldAndWhichIsNot() {
    assertThatThrownBy(() -> Driver.open(new StandIn(CUresult.CUDA_SUCCESS, 11080)))
        .isInstanceOf(DeviceException.class)
        .hasMessage(
            "cuda: driver: expected CUDA 12.0 or newer, found 11.8 -> update the NVIDIA driver to"
                + " 525.60 or newer, or use --device cpu");
  }

  @Test
  void saysThatThereIsNoGpu() {
    assertThatThrownBy(() -> Driver.open(new StandIn(CUresult.CUDA_ERROR_NO_DEVICE, 13000)))
        .isInstanceOf(DeviceException.class)
        .hasMessage(
            "cuda: expected an NVIDIA GPU, found none -> use --device cpu, or look at nvidia-smi");
  }

  @Test
  void saysThatTheKernelModuleIsOfAnotherVersion() {
    assertThatThrownBy(
            () -> Driver.open(new StandIn(CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 13000)))
        .isInstanceOf(DeviceException.class)
        .hasMessage(
            "cuda: cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803) -> update the NVIDIA driver, or"
                + " use --device cpu");
  }

  @Test
  void saysInOneLineWhatCannotBeLoaded() {
    var broken =
        new Driver.Library() {
          @Override
          public void load() {
            throw new UnsatisfiedLinkError("libcuda.so.1: undefined symbol: cuMemAlloc_v2\n  more");
          }

          @Override
          public int initialise() {
            throw new AssertionError("was not loaded");
          }

          @Override
          public int version(int[] into) {
            throw new AssertionError("was not loaded");
          }
        };
    assertThatThrownBy(() -> Driver.open(broken))
        .isInstanceOf(DeviceException.class)
        .hasMessage(
            "cuda: driver: expected one that can be loaded, found libcuda.so.1: undefined symbol:"
                + " cuMemAlloc_v2 -> use --device cpu");
  }
}
