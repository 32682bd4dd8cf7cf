package dev.regroup.cli;

import dev.regroup.cli.console.Console;
import dev.regroup.cli.console.Quantity;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.device.DeviceChoice;
import dev.regroup.runtime.device.DeviceSummary;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What models run on: the options of every command that runs one.
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class DeviceOptions {
  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "auto",
      converter = Choice.class,
      description =
          "What models run on: auto (an NVIDIA GPU if there is one and it runs the model, else the"
              + " CPU), cpu, cuda, or cuda:N for one of several GPUs. Default: auto.")
  private DeviceChoice device;

  @Option(
      names = "--device-memory",
      paramLabel = "BYTES",
      converter = Quantity.Bytes.class,
      description = "Device memory to use at most, as in 2GB. Default: all there is.")
  private @Nullable Long memory;

  /// Reads a {@link DeviceChoice}.
  static final class Choice implements ITypeConverter<DeviceChoice> {
    @Override
    public DeviceChoice convert(String text) {
      try {
        return DeviceChoice.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /// The device; closed by the caller.
  ///
  /// @param models that it will run: auto is the CPU where no GPU runs one of them
  /// @throws dev.regroup.runtime.DeviceException where a GPU was asked for that cannot be had
  Device open(Console console, ModelSpec... models) {
    Device opened = Device.open(device, limit(), List.of(models));
    DeviceSummary summary = opened.summary();
    console.notice(
        "device: %s (%s, %s): %s"
            .formatted(summary.name(), summary.kind(), summary.software(), summary.reason()));
    return opened;
  }

  /// The GPU that was asked for, or the first; closed by the caller.
  ///
  /// @throws dev.regroup.runtime.DeviceException where there is none
  CudaContext openGpu() {
    int ordinal =
        switch (device) {
          case DeviceChoice.Cuda(int chosen) -> chosen;
          case DeviceChoice.Automatic _ -> 0;
          case DeviceChoice.Cpu _ -> 0; // there is nothing to measure on a CPU here
        };
    return CudaContext.open(CudaDevice.at(ordinal), limit());
  }

  private OptionalLong limit() {
    return memory == null ? OptionalLong.empty() : OptionalLong.of(memory);
  }
}
