package dev.regroup.runtime.device;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.LayersAhead;
import dev.regroup.runtime.model.Transformer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// How fast a model streams through a device, layer by layer, each read while the one before runs.
public final class StreamBench {
  private StreamBench() {}

  /// One layer in one pass.
  ///
  /// @param bytes of its tensors in the checkpoint
  /// @param waited seconds until it was there
  /// @param ran seconds of the forward pass, activations to the device and back included
  public record Layer(int pass, int layer, long bytes, double waited, double ran) {
    /// Bytes that came by a second.
    public double bytesPerSecond() {
      return bytes / (waited + ran);
    }
  }

  /// Runs all layers of a model in order, `passes` times, on one sequence of random activations.
  public static List<Layer> run(
      Device device, ModelSpec model, Checkpoint checkpoint, int tokens, int passes) {
    List<Layer> layers = new ArrayList<>();
    var random = new Random(1);
    float[] hidden = new float[Math.multiplyExact(tokens, model.hiddenSize())];
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = (float) random.nextGaussian();
    }
    var transformer = new Transformer(model, checkpoint, device.backend());
    for (int pass = 0; pass < passes; pass++) {
      try (var ahead = new LayersAhead(transformer, device.readsAhead(model))) {
        for (int i = 0; i < model.layers().size(); i++) {
          long begin = System.nanoTime();
          try (DecoderLayer layer = ahead.next()) {
            long there = System.nanoTime();
            float[] after = layer.forward(hidden, tokens);
            requireFinite(after, i);
            double waited = (there - begin) * 1e-9;
            double ran = (System.nanoTime() - there) * 1e-9;
            layers.add(new Layer(pass, i, bytes(checkpoint, i), waited, ran));
          }
        }
      }
    }
    return layers;
  }

  private static void requireFinite(float[] hidden, int layer) {
    for (float element : hidden) {
      if (!Float.isFinite(element)) {
        throw new IllegalArgumentException(
            "layer %d: expected finite activations, found %s".formatted(layer, element));
      }
    }
  }

  private static long bytes(Checkpoint checkpoint, int layer) {
    String prefix = "model.layers." + layer + ".";
    return checkpoint.infos().stream()
        .filter(info -> info.name().startsWith(prefix))
        .mapToLong(TensorInfo::bytes)
        .sum();
  }
}
