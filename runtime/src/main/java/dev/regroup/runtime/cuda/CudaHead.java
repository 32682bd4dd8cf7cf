package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.runtime.model.OutputHead;
import java.util.Arrays;
import java.util.Objects;

/// {@link OutputHead} on the device.
final class CudaHead implements OutputHead {
  private final HostBridge bridge;
  private final int hiddenSize;
  private final DeviceHead head;

  CudaHead(HostBridge bridge, ModelSpec model, DeviceHead head) {
    this.bridge = bridge;
    this.hiddenSize = model.hiddenSize();
    this.head = head;
  }

  @Override
  public float[] logits(float[] hidden, int first, int count) {
    Objects.checkFromIndexSize(first, count, hidden.length / hiddenSize);
    float[] rows = Arrays.copyOfRange(hidden, first * hiddenSize, (first + count) * hiddenSize);
    synchronized (bridge) {
      return bridge.download(head.logits(bridge.upload("hidden", rows, count)));
    }
  }

  @Override
  public void close() {
    synchronized (bridge) {
      head.close();
    }
  }
}
