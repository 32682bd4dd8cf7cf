package dev.regroup.runtime.cuda;

import dev.regroup.runtime.DeviceException;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/// The CUDA driver: loaded and initialised once, its results turned into exceptions.
final class Driver {
  /// The oldest driver that serves: CUDA 12.0 (525.60), for which JCuda's natives were built and
  /// whose PTX ISA, 8.0, our kernels are written in.
  static final int OLDEST = 12000;

  private static final State STATE = initialise();

  private Driver() {}

  /// What is asked of a driver first of all.
  interface Library {
    /// Loads it.
    void load();

    /// `cuInit(0)`.
    int initialise();

    /// `cuDriverGetVersion`.
    ///
    /// @param into of one element
    int version(int[] into);
  }

  private static final class Installed implements Library {
    @Override
    public void load() {
      JCudaLibrary.load();
    }

    @Override
    public int initialise() {
      return JCudaDriver.cuInit(0);
    }

    @Override
    public int version(int[] into) {
      return JCudaDriver.cuDriverGetVersion(into);
    }
  }

  /// What became of initialising: a driver, or the reason why there is none.
  private sealed interface State {
    record Ready(int version) implements State {}

    record Missing(DeviceException reason) implements State {}
  }

  private static State initialise() {
    try {
      return new State.Ready(open(new Installed()));
    } catch (DeviceException e) {
      return new State.Missing(e);
    }
  }

  /// Loads and initialises a driver and asks for its version.
  ///
  /// @throws DeviceException where there is none, no GPU, or one too old
  static int open(Library library) {
    try {
      library.load();
      int result = library.initialise();
      if (result == CUresult.CUDA_ERROR_NO_DEVICE) {
        throw new DeviceException(
            "cuda: expected an NVIDIA GPU, found none -> use --device cpu, or look at nvidia-smi");
      }
      check(result, "cuInit");
      int[] version = new int[1];
      check(library.version(version), "cuDriverGetVersion");
      if (version[0] < OLDEST) {
        throw new DeviceException(
            ("cuda: driver: expected CUDA %s or newer, found %s -> update the NVIDIA driver to"
                    + " 525.60 or newer, or use --device cpu")
                .formatted(text(OLDEST), text(version[0])));
      }
      return version[0];
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      throw new DeviceException(
          "cuda: driver: expected one that can be loaded, found %s -> use --device cpu"
              .formatted(String.valueOf(e.getMessage()).lines().findFirst().orElse("none")),
          e);
    }
  }

  /// The CUDA version that the driver speaks, as in 13000 for 13.0.
  ///
  /// @throws DeviceException where there is no driver, no GPU, or one too old
  static int version() {
    return switch (STATE) {
      case State.Ready(int version) -> version;
      case State.Missing(DeviceException reason) ->
          throw new DeviceException(String.valueOf(reason.getMessage()), reason);
    };
  }

  /// As in `13.0`.
  static String text(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  /// Throws unless a call succeeded.
  ///
  /// @param call what was called, for the message
  static void check(int result, String call) {
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, call);
    }
  }

  static DeviceException failure(int result, String call) {
    String advice =
        switch (result) {
          case CUresult.CUDA_ERROR_OUT_OF_MEMORY ->
              " -> free some device memory, or limit what is taken with --device-memory";
          case CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
              CUresult.CUDA_ERROR_INVALID_PTX,
              CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
              CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
              " -> update the NVIDIA driver, or use --device cpu";
          default -> " -> run again with --device cpu, and report it";
        };
    return new DeviceException(
        "cuda: %s: %s (%d)%s".formatted(call, CUresult.stringFor(result), result, advice));
  }

  /// A device address for JCuda.
  static CUdeviceptr pointer(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  /// A host address for JCuda.
  static Pointer host(long address) {
    return new HostAddress(address);
  }

  private static final class HostAddress extends Pointer {
    HostAddress(long address) {
      super(address);
    }
  }

  /// What a driver call writes a device address into.
  static final class Address extends CUdeviceptr {
    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  /// What a driver call writes a host address into.
  static final class HostPointer extends Pointer {
    long value() {
      return getNativePointer() + getByteOffset();
    }
  }
}
