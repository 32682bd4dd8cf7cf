package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.cuda.decode.FasterAttention;
import dev.regroup.runtime.cuda.decode.ScheduledAttention;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.decode.ScalarDecodeKernel;
import dev.regroup.runtime.model.Transformer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A batch decoded on the device says what each sequence decoded alone on the CPU says: by the decode
/// kernels and by the plain one, step by step and as a graph that stays while lengths grow.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@SuppressWarnings("NullAway.Init") // JUnit sets the fields
final class CudaGeneratorTest {
  private static final int[] FIRST = {1, 2, 3};
  private static final int SEQUENCES = FIRST.length;
  private static final int STEPS = 140; // into a third page, past the window

  private CudaContext context;
  private CudaBackend exact;
  private CudaBackend fast;

  @BeforeAll
  void open() {
    context = Gpu.open();
    exact = new CudaBackend(context, Precision.FLOAT32);
    fast = new CudaBackend(context, Precision.BFLOAT16);
  }

  @AfterAll
  void close() {
    if (context != null) {
      fast.close();
      exact.close();
      assertThat(context.usedBytes()).isZero();
      context.close();
    }
  }

  static Stream<AttentionLayout> layouts() {
    return TinyModel.layouts();
  }

  /// Logits of sequences decoded alone by the scalar kernel, `[steps, sequences, vocabulary]`.
  private static float[][][] expected(ModelSpec spec, Tensors weights, int[][] given) {
    return decoded(
        () -> new Decoder(new Transformer(spec, weights), new ScalarDecodeKernel()), given);
  }

  private static float[][][] decoded(Supplier<Decoder> decoders, int[][] given) {
    float[][][] logits = new float[given.length][SEQUENCES][];
    IntStream.range(0, SEQUENCES)
        .parallel()
        .forEach(
            s -> {
              try (Decoder decoder = decoders.get()) {
                for (int step = 0; step < given.length; step++) {
                  logits[step][s] = decoder.step(given[step][s]);
                }
              }
            });
    return logits;
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "mistral", "qwen3", "deepseek-v2", "deepseek-v3"})
  void everySequenceAgreesWithTheCpu(String name) throws URISyntaxException {
    Path folder =
        Path.of(Objects.requireNonNull(getClass().getResource("/witness/" + name)).toURI());
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      int[][] given = random(spec.vocabularySize());
      float[][][] expected = expected(spec, checkpoint, given);
      check(exact, StepAttention::plain, spec, checkpoint, given, expected, 1e-5);
      check(exact, ScheduledAttention::new, spec, checkpoint, given, expected, 1e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void everyLayoutAgreesInBothPrecisions(AttentionLayout layout) {
    TinyModel model = TinyModel.of(layout);
    int[][] given = random(model.spec().vocabularySize());
    float[][][] expected = expected(model.spec(), model.weights(), given);
    Errors reference = Errors.of(rounded(model, given), expected);
    for (StepAttention.Maker attention :
        List.<StepAttention.Maker>of(
            StepAttention::plain, ScheduledAttention::new, FasterAttention::new)) {
      check(exact, attention, model.spec(), model.weights(), given, expected, 1e-5);
      reference.check(steps(fast, attention, model, given, 64), expected);
    }
  }

  /// How far logits are from what they should be, over all steps and sequences.
  private record Errors(double mean, double worst) {
    static Errors of(float[][][] found, float[][][] expected) {
      double[] all =
          IntStream.range(0, found.length * SEQUENCES)
              .mapToDouble(
                  i ->
                      Gpu.relativeError(
                          found[i / SEQUENCES][i % SEQUENCES],
                          expected[i / SEQUENCES][i % SEQUENCES]))
              .toArray();
      double squares = Arrays.stream(all).map(x -> x * x).sum();
      return new Errors(Math.sqrt(squares / all.length), Arrays.stream(all).reduce(0, Math::max));
    }

    /// At most twice these: what every kernel of BF16 is held to.
    void check(float[][][] found, float[][][] expected) {
      Errors errors = of(found, expected);
      assertThat(errors.mean()).as("reference: %s", this).isLessThan(2 * mean);
      assertThat(errors.worst()).as("reference: %s", this).isLessThan(2 * worst);
    }
  }

  /// Logits of BF16 arithmetic written out, `[steps, sequences, vocabulary]`.
  private static float[][][] rounded(TinyModel model, int[][] given) {
    var reference = new Bfloat16Reference(model.spec().hiddenSize(), model.spec().vocabularySize());
    return decoded(
        () -> new Decoder(new Transformer(model.spec(), model.weights(), reference), reference),
        given);
  }

  private static int[][] random(int vocabulary) {
    var random = new Random(2);
    return Stream.generate(() -> random.ints(SEQUENCES, 0, vocabulary).toArray())
        .limit(70) // into a second page
        .toArray(int[][]::new);
  }

  private static void check(
      CudaBackend backend,
      StepAttention.Maker attention,
      ModelSpec spec,
      Tensors weights,
      int[][] given,
      float[][][] expected,
      double limit) {
    int vocabulary = spec.vocabularySize();
    try (var generator = new CudaGenerator(backend, attention, spec, weights, SEQUENCES, 64)) {
      for (int step = 0; step < given.length; step++) {
        float[] found = generator.step(given[step]);
        for (int s = 0; s < SEQUENCES; s++) {
          float[] logits = Arrays.copyOfRange(found, s * vocabulary, (s + 1) * vocabulary);
          assertThat(Gpu.relativeError(logits, expected[step][s]))
              .as("step %d, sequence %d", step, s)
              .isLessThan(limit);
        }
      }
      assertThat(generator.tokensPerSecond()).isPositive();
    }
  }

  private int[][] said(CudaBackend backend, TinyModel model) {
    try (var generator =
        new CudaGenerator(
            backend, ScheduledAttention::new, model.spec(), model.weights(), SEQUENCES, STEPS)) {
      int[][] said = generator.generate(FIRST, STEPS);
      assertThat(generator.generate(FIRST, STEPS)).isDeepEqualTo(said);
      return said;
    }
  }

  private static int[][] before(int[][] said) {
    int[][] given = new int[said.length][];
    given[0] = FIRST;
    System.arraycopy(said, 0, given, 1, said.length - 1);
    return given;
  }

  /// What follows from the same tokens is the same, so all that was said is.
  @ParameterizedTest
  @MethodSource("layouts")
  void theGraphSaysTheTokensOfTheScalarReference(AttentionLayout layout) {
    TinyModel model = TinyModel.of(layout);
    int[][] said = said(exact, model);
    float[][][] logits = expected(model.spec(), model.weights(), before(said));
    for (int step = 0; step < STEPS; step++) {
      int[] largest = Arrays.stream(logits[step]).mapToInt(CudaGeneratorTest::largest).toArray();
      assertThat(said[step]).as("step %d", step).containsExactly(largest);
    }
  }

  private static int largest(float[] logits) {
    return IntStream.range(0, logits.length).reduce(0, (a, b) -> logits[b] > logits[a] ? b : a);
  }

  /// In BF16 near ties may fall otherwise than in the reference, but not otherwise than in single
  /// steps, whose logits are held to it.
  @ParameterizedTest
  @MethodSource("layouts")
  void theGraphInBfloat16SaysWhatSingleStepsFindLikeliest(AttentionLayout layout) {
    TinyModel model = TinyModel.of(layout);
    int[][] said = said(fast, model);
    int[][] given = before(said);
    float[][][] logits = steps(fast, ScheduledAttention::new, model, given, STEPS);
    for (int step = 0; step < STEPS; step++) {
      int[] largest = Arrays.stream(logits[step]).mapToInt(CudaGeneratorTest::largest).toArray();
      assertThat(said[step]).as("step %d", step).containsExactly(largest);
    }
    float[][][] expected = expected(model.spec(), model.weights(), given);
    Errors.of(rounded(model, given), expected).check(logits, expected);
  }

  /// Logits of single steps, `[steps, sequences, vocabulary]`.
  private static float[][][] steps(
      CudaBackend backend,
      StepAttention.Maker attention,
      TinyModel model,
      int[][] given,
      int context) {
    int vocabulary = model.spec().vocabularySize();
    float[][][] logits = new float[given.length][SEQUENCES][];
    try (var generator =
        new CudaGenerator(backend, attention, model.spec(), model.weights(), SEQUENCES, context)) {
      for (int step = 0; step < given.length; step++) {
        float[] found = generator.step(given[step]);
        for (int s = 0; s < SEQUENCES; s++) {
          logits[step][s] = Arrays.copyOfRange(found, s * vocabulary, (s + 1) * vocabulary);
        }
      }
    }
    return logits;
  }
}
