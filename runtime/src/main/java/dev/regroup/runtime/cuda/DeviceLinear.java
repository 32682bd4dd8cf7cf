package dev.regroup.runtime.cuda;

import org.jspecify.annotations.Nullable;

/// A linear layer on the device: `y = W x + b`. Its memory belongs to {@link DeviceWeights}.
///
/// @param weight `[out, in]`
/// @param bias `[out]` float32, or none
record DeviceLinear(DeviceBlock weight, @Nullable CudaBuffer bias) {
  int in() {
    return weight.columns();
  }

  int out() {
    return weight.rows();
  }
}
