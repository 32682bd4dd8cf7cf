package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.ModelSpec;

/// The final norm and the output head on the device.
final class DeviceHead implements AutoCloseable {
  private final CudaMath math;
  private final double normEpsilon;
  private final DeviceWeights weights;
  private final CudaBuffer norm;
  private final DeviceLinear head;

  /// Reads the weights.
  ///
  /// @param weights owned from now on
  DeviceHead(CudaMath math, ModelSpec model, DeviceWeights weights) {
    this.math = math;
    this.normEpsilon = model.normEpsilon();
    this.weights = weights;
    norm = weights.vector(ModelSpec.FINAL_NORM);
    DeviceBlock room = weights.room(model.vocabularySize(), model.hiddenSize());
    weights.read(model.headTensor(), room);
    head = new DeviceLinear(room, null);
  }

  /// `[vocabulary, D]`.
  DeviceBlock weight() {
    return head.weight();
  }

  /// Float32 logits `[tokens, vocabulary]` of a float32 residual stream, in intermediate memory.
  DeviceBlock logits(DeviceBlock hidden) {
    DeviceBlock normed = math.block("normed", hidden.rows(), hidden.columns());
    math.rmsNorm(hidden, norm, normed, normEpsilon);
    DeviceBlock logits =
        math.scratch().block("logits", Precision.FLOAT32, hidden.rows(), head.out());
    math.linear(head, normed, logits, false);
    return logits;
  }

  @Override
  public void close() {
    math.synchronize();
    weights.close();
  }
}
