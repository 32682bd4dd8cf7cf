package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.model.Transformer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A batch decoded on the device says what each sequence decoded alone on the CPU says.
final class CudaGeneratorTest {
  private static final int SEQUENCES = 3;
  private static final int STEPS = 70; // into a second page

  @ParameterizedTest
  @ValueSource(strings = {"llama", "mistral", "qwen3", "deepseek-v2", "deepseek-v3"})
  void everySequenceAgreesWithTheCpu(String name) throws URISyntaxException {
    Path folder =
        Path.of(Objects.requireNonNull(getClass().getResource("/witness/" + name)).toURI());
    try (CudaContext context = Gpu.open();
        Checkpoint checkpoint = Checkpoints.open(folder);
        var backend = new CudaBackend(context, Precision.FLOAT32)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      int vocabulary = spec.vocabularySize();
      try (var generator = new CudaGenerator(backend, spec, checkpoint, SEQUENCES, 64)) {
        var decoders = new Decoder[SEQUENCES];
        Arrays.setAll(decoders, _ -> new Decoder(new Transformer(spec, checkpoint)));
        var random = new Random(2);
        for (int step = 0; step < STEPS; step++) {
          int[] tokens = random.ints(SEQUENCES, 0, vocabulary).toArray();
          float[] found = generator.step(tokens);
          for (int s = 0; s < SEQUENCES; s++) {
            float[] logits = Arrays.copyOfRange(found, s * vocabulary, (s + 1) * vocabulary);
            assertThat(Gpu.relativeError(logits, decoders[s].step(tokens[s])))
                .as("step %d, sequence %d", step, s)
                .isLessThan(1e-5);
          }
        }
        assertThat(generator.tokensPerSecond()).isPositive();
      }
    }
  }
}
