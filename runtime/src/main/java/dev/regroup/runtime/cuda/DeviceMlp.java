package dev.regroup.runtime.cuda;

/// `down(silu(gate x) · up x)` on the device.
///
/// @param weights closed with it
record DeviceMlp(CudaMath math, DeviceFeedForward.Gated layers, DeviceWeights weights)
    implements DeviceFeedForward {
  @Override
  public void forward(DeviceBlock x, DeviceBlock to, boolean add) {
    DeviceBlock both = math.block("gateUp", x.rows(), 2 * layers.width());
    DeviceBlock gated = math.block("gated", x.rows(), layers.width());
    math.linear(layers.gateUp(), x, both, false);
    math.gate(both, gated);
    math.linear(layers.down(), gated, to, add);
  }

  @Override
  public void step(DeviceBlock x, DeviceBlock to, boolean add) {
    forward(x, to, add);
  }

  @Override
  public int[] routing(DeviceBlock x) {
    return new int[0];
  }

  @Override
  public void close() {
    math.synchronize();
    weights.close();
  }
}
