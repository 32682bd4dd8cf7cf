package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.report.FitOutcome.Ending;
import dev.regroup.runtime.linalg.FloatBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Training goes to where a layer fits, from near by; what comes out is never worse than what went in.
final class TrainingTest {
  private static final int WINDOWS = 24;
  private static final Training.Split SPLIT =
      new Training.Split(IntStream.range(0, 20).toArray(), IntStream.range(20, WINDOWS).toArray());

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void bringsASmallPerturbationBack(RandomLayers.Case shape) {
    if (shape.tokens() > 100) {
      return; // the same shapes over few tokens are among the cases
    }
    Task task = new Task(shape, 0.05f, 31);
    var trained = task.train(300, 0.03);
    assertThat(trained.outcome().ending()).isEqualTo(Ending.COMPLETED);
    assertThat(trained.outcome().after()).isLessThan(trained.outcome().before() / 20);
    assertThat(task.problem.error(trained.layer(), SPLIT.held()))
        .isEqualTo(trained.outcome().after());
  }

  @Test
  void rollsBackToTheBestWhereItDiverges() {
    RandomLayers.Case shape = RandomLayers.cases().findFirst().orElseThrow();
    Task task = new Task(shape, 0.05f, 32);
    var trained = task.train(200, 50);
    assertThat(trained.outcome().ending()).isEqualTo(Ending.DIVERGED);
    assertThat(trained.outcome().bestStep()).isZero();
    assertThat(trained.layer()).isSameAs(task.start);
  }

  @Test
  void isDroppedWhereItDoesNotHelpOnWindowsThatItHasNotSeen() {
    RandomLayers.Case shape = RandomLayers.cases().findFirst().orElseThrow();
    Task task = new Task(shape, 0, 33);
    // fitted windows ask for something else than the windows held back
    var random = new RandomLayers(34);
    for (int window : SPLIT.fitted()) {
      task.problem.targets.set(window, random.block(shape.tokens(), RandomLayers.hiddenSize()));
    }
    for (int window : SPLIT.held()) {
      FloatBlock target = task.problem.targets.get(window);
      target.elements()[0] += 1e-3f;
    }
    var trained = task.train(40, 0.05);
    assertThat(trained.outcome().bestStep()).isZero();
    assertThat(trained.layer()).isSameAs(task.start);
    assertThat(trained.outcome().after()).isEqualTo(trained.outcome().before());
  }

  @Test
  void givesTheSameBitsEveryTime() {
    RandomLayers.Case shape = RandomLayers.cases().findFirst().orElseThrow();
    FactoredAttention first = new Task(shape, 0.05f, 35).train(30, 0.03).layer();
    FactoredAttention second = new Task(shape, 0.05f, 35).train(30, 0.03).layer();
    assertThat(first.state()).isEqualTo(second.state());
    assertThat(first.query()).isEqualTo(second.query());
  }

  @Test
  void drawsEveryWindowBeforeAnyComesAgain() {
    var order = new WindowOrder(SPLIT.fitted(), 3);
    Set<Integer> drawn = new java.util.HashSet<>();
    for (int i = 0; i < 5; i++) {
      for (int window : order.next(4)) {
        assertThat(drawn.add(window)).isTrue();
      }
    }
    assertThat(drawn).hasSize(20);
    assertThat(order.next(100)).hasSize(20);
  }

  /// A layer near one that fits exactly.
  private static final class Task {
    final Given problem;
    final FactoredAttention start;
    private final Set<Part> parts;

    Task(RandomLayers.Case shape, float perturbation, long seed) {
      var random = new RandomLayers(seed);
      FactoredAttention exact = random.layer(shape);
      parts = RandomLayers.parts(exact);
      List<Inputs> inputs =
          IntStream.range(0, WINDOWS).mapToObj(i -> random.inputs(shape)).toList();
      problem = new Given(inputs, exact, parts);
      Maps moved = Maps.of(exact, parts).copy();
      var noise = new Random(seed);
      moved
          .values()
          .values()
          .forEach(
              map -> {
                for (int i = 0; i < map.length; i++) {
                  map[i] += perturbation * (float) noise.nextGaussian();
                }
              });
      start = moved.in(exact);
    }

    Training.Trained train(int steps, double rate) {
      var settings = new Training.Settings(steps, 4, rate, 7);
      return new Training(problem, SPLIT, settings, (step, error) -> {}).train(start, parts);
    }
  }

  /// Windows whose targets an exact layer gives.
  private static final class Given implements FitProblem {
    final List<FloatBlock> targets = new ArrayList<>();
    private final HostProblem host;

    Given(List<Inputs> inputs, FactoredAttention exact, Set<Part> parts) {
      inputs.forEach(input -> targets.add(new AttentionPass(exact, input).output()));
      List<Double> sizes =
          targets.stream().map(target -> HostProblem.squares(target.elements())).toList();
      host =
          new HostProblem(
              new Windows() {
                @Override
                public Inputs inputs(int window) {
                  return inputs.get(window);
                }

                @Override
                public FloatBlock target(int window) {
                  return targets.get(window);
                }

                @Override
                public double size(int window) {
                  return sizes.get(window);
                }
              },
              parts);
    }

    @Override
    public Gradient gradient(FactoredAttention layer, int[] windows) {
      return host.gradient(layer, windows);
    }

    @Override
    public double error(FactoredAttention layer, int[] windows) {
      return host.error(layer, windows);
    }

    @Override
    public Moments moments(FactoredAttention layer, int[] windows, long seed) {
      return host.moments(layer, windows, seed);
    }

    @Override
    public double[] outputSums(FactoredAttention layer, int[] windows) {
      return host.outputSums(layer, windows);
    }

    @Override
    public Trainee trainee(FactoredAttention layer, Set<Part> parts, Moments moments) {
      return new HostTrainee(this, layer, parts, moments);
    }

    @Override
    public void close() {}
  }
}
