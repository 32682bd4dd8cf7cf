package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.fixtures.TransformersWitness;
import dev.regroup.fixtures.TransformersWitness.Question;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.runtime.model.Transformer;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/// Source models run right: the logits of every random fixture, against transformers.
final class SourceModelsTest {
  /// Past every window and every original context of the fixtures' rope scalings.
  private static final int TOKENS = 96;

  private static final float TOLERANCE = 1e-3f;

  @TestFactory
  Stream<DynamicTest> agreeWithTransformers(@TempDir Path scratch) {
    var witness = TransformersWitness.find();
    assumeTrue(witness.isPresent(), witness::whyNot);
    List<Question> questions = Fixtures.random().stream().map(f -> question(f, scratch)).toList();
    List<float[]> expected = witness.logits(questions, scratch);
    return IntStream.range(0, questions.size())
        .mapToObj(
            i ->
                DynamicTest.dynamicTest(
                    questions.get(i).model().getFileName().toString(),
                    () -> agree(questions.get(i), expected.get(i))));
  }

  private static Question question(Fixtures.Fixture fixture, Path scratch) {
    Path directory = scratch.resolve(fixture.name());
    Fixtures.write(fixture.name(), directory, 7);
    int vocabulary = Fixtures.spec(fixture.name()).vocabularySize();
    return new Question(
        directory, new Random(fixture.name().hashCode()).ints(TOKENS, 0, vocabulary).toArray());
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
