package dev.regroup.runtime.device;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.model.Backend;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/// What models run on; closed by whoever opened it, after everything made with it.
public sealed interface Device extends AutoCloseable permits CpuDevice, CudaRunner {
  /// Reads and runs layers.
  Backend backend();

  /// Attention of a new token over a cache.
  DecodeKernel decodeKernel();

  /// Whether the next layer of a model is read while one is at work: there is room for it.
  boolean readsAhead(ModelSpec model);

  /// Whether layers are read into the Java heap, so that the largest must fit it.
  boolean readsIntoHeap();

  /// Bytes that the weights of a whole model may take.
  long modelBytes();

  /// Tokens a second when decoding greedily in BF16 with a whole step on the device; nothing on the
  /// CPU, or where the model does not fit.
  ///
  /// @param sequences decoded at once
  /// @param context tokens in the cache of each
  OptionalDouble decodeSpeed(ModelSpec model, Tensors weights, int sequences, int context);

  /// What it is, and what it has used so far.
  DeviceSummary summary();

  @Override
  void close();

  /// The CPU.
  static Device cpu() {
    return new CpuDevice("asked for");
  }

  /// The device that was chosen.
  ///
  /// @param memoryLimit bytes of device memory to hold at a time at most
  /// @param models that it will run: where the choice is ours, it is the CPU if a GPU does not run one
  /// @throws DeviceException where a GPU was asked for that cannot be had
  static Device open(DeviceChoice choice, OptionalLong memoryLimit, List<ModelSpec> models) {
    return switch (choice) {
      case DeviceChoice.Cpu _ -> cpu();
      case DeviceChoice.Cuda(int ordinal) ->
          CudaRunner.open(CudaDevice.at(ordinal), memoryLimit, "asked for");
      case DeviceChoice.Automatic _ ->
          GpuReach.refusal(models)
              .<Device>map(CpuDevice::new)
              .orElseGet(() -> automatic(memoryLimit));
    };
  }

  /// The device that was chosen, for models that every device runs.
  ///
  /// @throws DeviceException where a GPU was asked for that cannot be had
  static Device open(DeviceChoice choice, OptionalLong memoryLimit) {
    return open(choice, memoryLimit, List.of());
  }

  private static Device automatic(OptionalLong memoryLimit) {
    try {
      return CudaRunner.open(CudaDevice.at(0), memoryLimit, "the first usable GPU");
    } catch (DeviceException e) {
      return new CpuDevice("no usable GPU: " + e.getMessage());
    }
  }
}
