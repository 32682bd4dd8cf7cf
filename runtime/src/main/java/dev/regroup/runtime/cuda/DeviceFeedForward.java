package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.FeedForward;
import dev.regroup.formats.tensor.Shape;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The sublayer after attention on the device: a gated MLP, or a mixture of them.
sealed interface DeviceFeedForward extends AutoCloseable permits DeviceMlp, DeviceMixture {
  /// Adds the sublayer's output to a residual stream.
  ///
  /// @param x `[tokens, D]`, normed, in the math's precision
  /// @param to `[tokens, D]` float32
  /// @param add whether `to` is added to, else overwritten
  void forward(DeviceBlock x, DeviceBlock to, boolean add);

  /// The same for few tokens, without the host: what a graph can hold.
  void step(DeviceBlock x, DeviceBlock to, boolean add);

  /// The experts a mixture chose for each token, best first; empty for an MLP.
  int[] routing(DeviceBlock x);

  @Override
  void close();

  /// Reads the weights of one layer.
  ///
  /// @param weights owned from now on
  /// @param prefix of the tensors' names
  static DeviceFeedForward read(
      CudaMath math, FeedForward spec, int hiddenSize, DeviceWeights weights, String prefix) {
    Map<String, Shape> shapes = spec.tensors(hiddenSize);
    return switch (spec) {
      case FeedForward.Dense dense -> {
        int width = dense.intermediateSize();
        Gated gated = gated(weights, prefix, dense.bias() ? prefix : null, width, hiddenSize);
        yield new DeviceMlp(math, gated, weights);
      }
      case FeedForward.Mixture mixture ->
          mixture(math, mixture, hiddenSize, weights, prefix, shapes);
    };
  }

  /// The layers of a gated MLP: gate and up as one, `[2 · width, D]`, and down, `[D, width]`.
  record Gated(DeviceLinear gateUp, DeviceLinear down) {
    int width() {
      return down.in();
    }
  }

  private static Gated gated(
      DeviceWeights weights, String prefix, @Nullable String biases, int width, int hiddenSize) {
    DeviceBlock gateUp = weights.room(2 * width, hiddenSize);
    DeviceBlock down = weights.room(hiddenSize, width);
    readGated(weights, prefix, gateUp, down);
    CudaBuffer inner = null;
    CudaBuffer outer = null;
    if (biases != null) {
      inner = weights.vectorRoom(2 * width);
      DeviceBlock both = DeviceBlock.of(inner, Precision.FLOAT32, 2, width);
      weights.read(biases + "gate_proj.bias", both.rows(0, 1));
      weights.read(biases + "up_proj.bias", both.rows(1, 1));
      outer = weights.vector(biases + "down_proj.bias");
    }
    return new Gated(new DeviceLinear(gateUp, inner), new DeviceLinear(down, outer));
  }

  private static void readGated(
      DeviceWeights weights, String prefix, DeviceBlock gateUp, DeviceBlock down) {
    int width = down.columns();
    weights.read(prefix + "gate_proj.weight", gateUp.rows(0, width));
    weights.read(prefix + "up_proj.weight", gateUp.rows(width, width));
    weights.read(prefix + "down_proj.weight", down);
  }

  private static DeviceMixture mixture(
      CudaMath math,
      FeedForward.Mixture spec,
      int hiddenSize,
      DeviceWeights weights,
      String prefix,
      Map<String, Shape> shapes) {
    int width = spec.intermediateSize();
    DeviceBlock gateUp = weights.room(Math.multiplyExact(spec.experts(), 2 * width), hiddenSize);
    DeviceBlock down = weights.room(Math.multiplyExact(spec.experts(), hiddenSize), width);
    for (int e = 0; e < spec.experts(); e++) {
      readGated(
          weights,
          prefix + "experts." + e + ".",
          gateUp.rows(e * 2 * width, 2 * width),
          down.rows(e * hiddenSize, hiddenSize));
    }
    Shape gate = Objects.requireNonNull(shapes.get("gate.weight"));
    String correction = "gate.e_score_correction_bias";
    var router =
        new DeviceMixture.Router(
            spec.routing(),
            weights.linear(prefix + "gate.weight", gate, null),
            shapes.containsKey(correction) ? weights.vector(prefix + correction) : null);
    DeviceMlp shared =
        spec.sharedExperts() == 0
            ? null
            : new DeviceMlp(
                math,
                gated(
                    weights,
                    prefix + "shared_experts.",
                    null,
                    spec.sharedExperts() * width,
                    hiddenSize),
                weights);
    return new DeviceMixture(
        math, router, new DeviceMixture.Experts(gateUp, down, spec.experts()), shared, weights);
  }
}
