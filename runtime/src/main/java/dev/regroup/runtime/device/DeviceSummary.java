package dev.regroup.runtime.device;

import java.util.OptionalLong;

/// What a report says of the device it was made on.
///
/// @param kind `cpu` or `cuda`
/// @param name such as `NVIDIA H200`; of the CPU its number of cores
/// @param reason why this one: what was asked for, or why `auto` came to it
/// @param software driver and library that compute, such as `CUDA driver 13.0, cuBLAS 13.0`
/// @param peakBytes of device memory held at a time; nothing on the CPU
public record DeviceSummary(
    String kind, String name, String reason, String software, OptionalLong peakBytes) {}
