package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.FeedForward;
import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.RandomAttention;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/// A model of two layers with random weights, its heads as wide as real ones: the first layer sees
/// everything, the second {@value #WINDOW} tokens. Weights are BF16 numbers.
record TinyModel(ModelSpec spec, Tensors weights) {
  static final int WINDOW = 50;
  private static final int HIDDEN = 64;
  private static final int VOCABULARY = 96;

  /// Those that tell kernels apart.
  static Stream<AttentionLayout> layouts() {
    return Stream.of(
        new Gqa(8, 8, 32), // MHA
        new Gqa(8, 1, 64), // MQA
        new Gqa(8, 2, 128), // GQA 4
        new Gqa(8, 1, 80), // no tensor-core kernel
        new Gta(8, 2, 64, 32),
        new Gta(16, 8, 128, 64),
        new Gla(16, 1, 512, 64, 64, 64), // a rank of MLA
        new Gla(32, 1, 512, 64, 64, 64), // MLA
        new Gla(8, 2, 256, 32, 64, 32), // GLA-2
        new Gla(8, 2, 24, 16, 8, 16));
  }

  static TinyModel of(AttentionLayout layout) {
    List<LayerSpec> layers = List.of(layer(layout, 0), layer(layout, WINDOW));
    var spec = new ModelSpec("tiny", HIDDEN, VOCABULARY, layers, 1e-5, false, 1024, 0);
    var random = new Random(layout.hashCode());
    Map<String, float[]> weights = new HashMap<>();
    spec.tensors().forEach((name, shape) -> weights.put(name, weight(random, name, shape)));
    return new TinyModel(spec, Tensors.of(weights, spec.tensors()));
  }

  private static LayerSpec layer(AttentionLayout layout, int window) {
    AttentionSpec attention = StepBench.attention(layout, 10000, window);
    return new LayerSpec(attention, new FeedForward.Dense(2 * HIDDEN, false));
  }

  private static float[] weight(Random random, String name, Shape shape) {
    if (shape.rank() == 1 && !name.endsWith("bias")) {
      float[] gain = new float[(int) shape.elements()];
      Arrays.fill(gain, 1);
      return gain;
    }
    double size =
        name.equals(ModelSpec.EMBEDDING)
            ? 1
            : 2 / Math.sqrt((double) shape.extent(shape.rank() - 1));
    float[] x = RandomAttention.gaussian(random, (int) shape.elements(), size);
    for (int i = 0; i < x.length; i++) {
      x[i] = Float.intBitsToFloat(Float.floatToRawIntBits(x[i]) & 0xffff0000);
    }
    return x;
  }
}
