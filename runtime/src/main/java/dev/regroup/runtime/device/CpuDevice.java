package dev.regroup.runtime.device;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.model.Backend;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/// The CPU.
record CpuDevice(String reason) implements Device {
  @Override
  public Backend backend() {
    return Backend.cpu();
  }

  @Override
  public DecodeKernel decodeKernel() {
    return DecodeKernel.fast();
  }

  @Override
  public boolean readsAhead(ModelSpec model) {
    return false; // reading and running share the cores
  }

  @Override
  public boolean readsIntoHeap() {
    return true;
  }

  /// Weights of one model, and as much again for what reading them takes.
  @Override
  public long modelBytes() {
    return Runtime.getRuntime().maxMemory() / 2;
  }

  @Override
  public OptionalDouble decodeSpeed(ModelSpec model, Tensors weights, int sequences, int context) {
    return OptionalDouble.empty();
  }

  @Override
  public DeviceSummary summary() {
    int cores = Runtime.getRuntime().availableProcessors();
    return new DeviceSummary(
        "cpu",
        cores + (cores == 1 ? " core" : " cores"),
        reason,
        "Vector API and OpenBLAS",
        OptionalLong.empty());
  }

  @Override
  public void close() {}
}
