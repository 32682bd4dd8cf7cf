package dev.regroup.runtime.device;

import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.model.Backend;
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
