package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.fixtures.TransformersWitness;
import dev.regroup.fixtures.TransformersWitness.Question;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.model.Transformer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/// Source models run right: the logits of every fixture, against transformers.
final class SourceModelsTest {
  /// Past every window and every original context of the fixtures' rope scalings.
  private static final int TOKENS = 96;

  private static final float TOLERANCE = 1e-3f;

  @TestFactory
  Stream<DynamicTest> agreeWithTransformers(@TempDir Path scratch) {
    var witness = TransformersWitness.find();
    if (!witness.isPresent()) {
      // a factory that aborts would vanish from the count; a test that does is shown as skipped
      return Stream.of(
          DynamicTest.dynamicTest("transformers", () -> assumeTrue(false, witness::whyNot)));
    }
    List<Question> questions =
        Fixtures.all().stream()
            .filter(fixture -> !Fixtures.quantized().contains(fixture))
            .map(fixture -> question(fixture, scratch))
            .flatMap(Optional::stream)
            .toList();
    assertThat(questions).hasSizeGreaterThan(12);
    List<float[]> expected = witness.logits(questions, scratch);
    return IntStream.range(0, questions.size())
        .mapToObj(
            i ->
                DynamicTest.dynamicTest(
                    questions.get(i).model().getFileName().toString(),
                    () -> agree(questions.get(i), expected.get(i))));
  }

  /// Nothing for models of our own layouts, which transformers does not know.
  private static Optional<Question> question(Fixtures.Fixture fixture, Path scratch) {
    Path directory = scratch.resolve(fixture.name());
    Fixtures.write(fixture.name(), directory, 7);
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      var random = new Random(fixture.name().hashCode());
      int[] tokens = random.ints(TOKENS, 0, spec.vocabularySize()).toArray();
      return spec.architecture().equals("regroup")
          ? Optional.empty()
          : Optional.of(new Question(directory, tokens));
    }
  }

  private static void agree(Question question, float[] expected) {
    try (Checkpoint checkpoint = Checkpoints.open(question.model())) {
      var model = new Transformer(Checkpoints.describe(checkpoint), checkpoint);
      float[] found = model.logits(question.tokens());
      assertThat(found).hasSameSizeAs(expected);
      float worst = 0;
      for (int i = 0; i < found.length; i++) {
        worst = Math.max(worst, Math.abs(found[i] - expected[i]));
        assertThat(found[i]).isNotNaN();
      }
      assertThat(worst).as("largest difference of a logit").isLessThan(TOLERANCE);
    }
  }
}
