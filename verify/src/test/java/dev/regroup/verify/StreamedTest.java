package dev.regroup.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.device.Device;
import dev.regroup.runtime.device.DeviceChoice;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.LayersAhead;
import dev.regroup.runtime.model.Transformer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Layers that come and go give what layers that stay give.
final class StreamedTest {
  private static float[] logits(ModelSpec spec, Checkpoint checkpoint, Backend backend) {
    int[] tokens = new Random(3).ints(40, 0, spec.vocabularySize()).toArray();
    return new Transformer(spec, checkpoint, backend).logits(tokens);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"deepseek-v2-fp8", "deepseek-v3-fp8", "deepseek-v3-fp8-ue8m0", "llama-gqa-fp8"})
  void aGpuReadsQuantisedWeightsAsTheCpuDoes(String fixture, @TempDir Path folder) {
    try (Device device = Device.open(new DeviceChoice.Automatic(), OptionalLong.empty())) {
      assumeTrue(device.summary().kind().equals("cuda"), device.summary()::reason);
      Fixtures.write(fixture, folder.resolve("model"), 1);
      try (Checkpoint checkpoint = Checkpoints.open(folder.resolve("model"))) {
        ModelSpec spec = Checkpoints.describe(checkpoint);
        float[] expected = logits(spec, checkpoint, Backend.cpu());
        float[] found = logits(spec, checkpoint, device.backend());
        for (int i = 0; i < expected.length; i++) {
          assertThat(found[i]).isEqualTo(expected[i], within(1e-4f));
        }
      }
    }
  }

  @Test
  void readingAheadChangesNothing(@TempDir Path folder) {
    Fixtures.write("deepseek-v2", folder.resolve("model"), 1);
    try (Checkpoint checkpoint = Checkpoints.open(folder.resolve("model"))) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      var model = new Transformer(spec, checkpoint);
      assertThat(run(model, spec, true)).isEqualTo(run(model, spec, false));
    }
  }

  private static float[] run(Transformer model, ModelSpec spec, boolean ahead) {
    float[] hidden = model.embedding().embed(new int[] {1, 2, 3, 4, 5});
    try (var layers = new LayersAhead(model, ahead)) {
      for (int i = 0; i < spec.layers().size(); i++) {
        try (DecoderLayer layer = layers.next()) {
          hidden = layer.forward(hidden, 5);
        }
      }
    }
    return hidden;
  }

  @Test
  void aBorrowedFeedForwardSublayerGivesWhatItsOwnGives(@TempDir Path folder) {
    Fixtures.write("deepseek-v2", folder.resolve("model"), 1);
    try (Checkpoint checkpoint = Checkpoints.open(folder.resolve("model"))) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      var model = new Transformer(spec, checkpoint);
      float[] hidden = model.embedding().embed(new int[] {7, 8, 9});
      for (int i = 0; i < spec.layers().size(); i++) {
        DecoderLayer own = model.layer(i);
        float[] expected = own.forward(hidden, 3);
        assertThat(model.layer(i, own).forward(hidden, 3)).isEqualTo(expected);
        assertThat(Arrays.equals(expected, hidden)).isFalse();
      }
    }
  }
}
