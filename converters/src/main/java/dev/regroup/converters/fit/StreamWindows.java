package dev.regroup.converters.fit;

import dev.regroup.converters.calibrate.Streams;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.runtime.linalg.FloatBlock;
import dev.regroup.runtime.model.DecoderLayer;

/// Windows of the residual streams: the target's is read, the source's is aimed at.
final class StreamWindows implements Windows {
  private final DecoderLayer layer;
  private final LayerWeights weights;
  private final Streams streams;
  private final SourceInputs inputs;
  private final int hiddenSize;

  /// @param layer of the source
  /// @param weights the source's attention tensors of the layer
  StreamWindows(DecoderLayer layer, LayerWeights weights, Streams streams, int hiddenSize) {
    this.layer = layer;
    this.weights = weights;
    this.streams = streams;
    this.hiddenSize = hiddenSize;
    inputs = new SourceInputs(layer, weights);
  }

  /// What the maps read over one window of the target's stream.
  @Override
  public Inputs inputs(int window) {
    return inputs.of(streams.target(window), streams.tokens());
  }

  /// What the layer's maps should add to the target's stream of one window, `[tokens, D]`: what the
  /// source adds to its own, and what the target's lacks by now; less the output's bias, which is no
  /// map and stays.
  @Override
  public FloatBlock target(int window) {
    float[] update = streams.sourceUpdate(window);
    float[] source = streams.source(window);
    float[] target = streams.target(window);
    float[] wanted = new float[update.length];
    for (int i = 0; i < wanted.length; i++) {
      wanted[i] = update[i] + source[i] - target[i];
    }
    if (layer.spec().attention().outputBias()) {
      float[] bias = weights.get(AttentionTensor.O_BIAS);
      for (int i = 0; i < wanted.length; i++) {
        wanted[i] -= bias[i % hiddenSize];
      }
    }
    return FloatBlock.of(streams.tokens(), hiddenSize, wanted);
  }

  @Override
  public double size(int window) {
    return HostProblem.squares(streams.sourceUpdate(window));
  }
}
