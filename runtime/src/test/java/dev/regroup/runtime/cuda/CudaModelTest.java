package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.SharedFolder;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.model.Transformer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole models on the device say what they say on the CPU.
final class CudaModelTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama",
        "llama-yarn",
        "mistral",
        "qwen2",
        "qwen3",
        "deepseek-v2",
        "deepseek-v2-lite",
        "deepseek-v3"
      })
  void everyArchitectureAgreesWithTheCpu(String name) throws URISyntaxException {
    Path folder =
        Path.of(Objects.requireNonNull(getClass().getResource("/witness/" + name)).toURI());
    try (CudaContext context = Gpu.open();
        Checkpoint checkpoint = Checkpoints.open(folder)) {
      check(context, checkpoint, Precision.FLOAT32, 1e-5);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "dsv2-mla"})
  void trainedModelsAgreeWithTheCpu(String name) {
    try (CudaContext context = Gpu.open();
        Checkpoint checkpoint = Checkpoints.open(SharedFolder.require("checkpoints/" + name))) {
      check(context, checkpoint, Precision.FLOAT32, 1e-5);
      check(context, checkpoint, Precision.BFLOAT16, 2e-2);
    }
  }

  private static void check(
      CudaContext context, Checkpoint checkpoint, Precision precision, double limit) {
    ModelSpec spec = Checkpoints.describe(checkpoint);
    int[] tokens = new int[90];
    var random = new Random(1);
    Arrays.setAll(tokens, i -> random.nextInt(spec.vocabularySize()));
    float[] expected = new Transformer(spec, checkpoint, Backend.cpu()).logits(tokens);
    try (var backend = new CudaBackend(context, precision)) {
      float[] found = new Transformer(spec, checkpoint, backend).logits(tokens);
      assertThat(Gpu.relativeError(found, expected)).isLessThan(limit);
      float[] again = new Transformer(spec, checkpoint, backend).logits(tokens);
      assertThat(again).isEqualTo(found);
    }
    assertThat(context.usedBytes()).isZero();
  }
}
