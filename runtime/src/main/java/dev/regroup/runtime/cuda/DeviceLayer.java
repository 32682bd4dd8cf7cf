package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import org.jspecify.annotations.Nullable;

/// One decoder layer's weights on the device, and the layer run on device memory.
final class DeviceLayer implements AutoCloseable {
  private final CudaMath math;
  private final LayerSpec spec;
  private final double normEpsilon;
  private final DeviceWeights norms;
  private final CudaBuffer attentionNorm;
  private final CudaBuffer feedForwardNorm;
  private final DeviceAttention attention;
  private final DeviceFeedForward feedForward;
  private final boolean borrowed;

  private DeviceLayer(CudaMath math, ModelSpec model, int index, Sources sources) {
    this.math = math;
    this.spec = model.layers().get(index);
    this.normEpsilon = model.normEpsilon();
    String prefix = "model.layers." + index + ".";
    norms = sources.norms();
    attentionNorm = norms.vector(prefix + "input_layernorm.weight");
    feedForwardNorm = norms.vector(prefix + "post_attention_layernorm.weight");
    attention =
        new DeviceAttention(
            math, spec.attention(), model.hiddenSize(), normEpsilon, sources.attention(), index);
    DeviceFeedForward lent = sources.lent();
    borrowed = lent != null;
    feedForward =
        lent != null
            ? lent
            : DeviceFeedForward.read(
                math,
                spec.feedForward(),
                model.hiddenSize(),
                sources.feedForward(),
                prefix + "mlp.");
  }

  /// Where the parts come from; owned by the layer.
  ///
  /// @param lent another layer's feed-forward sublayer, used instead of reading one; stays the other's
  record Sources(
      DeviceWeights norms,
      DeviceWeights attention,
      DeviceWeights feedForward,
      @Nullable DeviceFeedForward lent) {
    void close() {
      attention.loader().synchronize();
      norms.close();
      attention.close();
      feedForward.close();
    }
  }

  /// Reads a layer; where that fails, nothing of it stays on the device.
  static DeviceLayer read(CudaMath math, ModelSpec model, int index, Sources sources) {
    try {
      return new DeviceLayer(math, model, index, sources);
    } catch (RuntimeException e) {
      sources.close();
      throw e;
    }
  }

  LayerSpec spec() {
    return spec;
  }

  DeviceAttention attention() {
    return attention;
  }

  DeviceFeedForward feedForward() {
    return feedForward;
  }

  /// The norm before attention, of a float32 stream.
  DeviceBlock attentionInput(DeviceBlock hidden) {
    return normed(hidden, attentionNorm);
  }

  /// The norm before the feed-forward sublayer, of a float32 stream.
  DeviceBlock feedForwardInput(DeviceBlock hidden) {
    return normed(hidden, feedForwardNorm);
  }

  private DeviceBlock normed(DeviceBlock hidden, CudaBuffer gain) {
    DeviceBlock to = math.block("normed", hidden.rows(), hidden.columns());
    math.rmsNorm(hidden, gain, to, normEpsilon);
    return to;
  }

  /// The whole layer on windows of `tokens` tokens from position 0, in place.
  ///
  /// @param hidden `[windows · tokens, D]` float32
  void forward(DeviceBlock hidden, int tokens) {
    attention.forward(attentionInput(hidden), tokens, hidden, true);
    feedForward.forward(feedForwardInput(hidden), hidden, true);
  }

  @Override
  public void close() {
    attention.close();
    if (!borrowed) {
      feedForward.close();
    }
    norms.close();
  }
}
