package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.report.FitOutcome;
import dev.regroup.converters.report.FitOutcome.Ending;
import java.util.Set;

/// The steps of one layer's fit. Every so often the layer is tried on windows that no step sees; the
/// best of all trials is what comes out, the closed form included.
final class Training {
  /// Trials spread over the steps.
  private static final int TRIALS = 10;

  /// Steps in which the rate rises to its first value.
  private static final int WARM_UP = 20;

  /// Error on trial over the closed form's beyond which nothing good will come.
  private static final double DIVERGED = 4;

  /// Windows whose moments make the basis.
  private static final int MOMENT_WINDOWS = 16;

  private final FitProblem problem;
  private final Split split;
  private final Settings settings;
  private final StepListener listener;

  /// Which windows steps draw from, and which they are tried on.
  record Split(int[] fitted, int[] held) {}

  /// @param batch windows a step
  /// @param seed of the windows' order and of the probes
  record Settings(int steps, int batch, double rate, long seed) {}

  /// Told of every step.
  interface StepListener {
    /// One step is done.
    ///
    /// @param error of the step's batch, relative
    void step(int step, double error);
  }

  /// What came out.
  record Trained(FactoredAttention layer, FitOutcome outcome) {}

  Training(FitProblem problem, Split split, Settings settings, StepListener listener) {
    this.problem = problem;
    this.split = split;
    this.settings = settings;
    this.listener = listener;
  }

  Trained train(FactoredAttention closed, Set<Part> parts) {
    double before = problem.error(closed, split.held());
    Moments moments =
        problem.moments(closed, spread(split.fitted(), MOMENT_WINDOWS), settings.seed());
    try (Trainee trainee = problem.trainee(closed, parts, moments)) {
      return train(trainee, closed, parts, before);
    }
  }

  private Trained train(Trainee trainee, FactoredAttention closed, Set<Part> parts, double before) {
    var order = new WindowOrder(split.fitted(), settings.seed());
    Maps best = Maps.of(closed, parts);
    double least = before;
    int bestStep = 0;
    int told = 0;
    int every = Math.max(1, (settings.steps() + TRIALS - 1) / TRIALS);
    Ending ending = Ending.COMPLETED;
    for (int step = 1; step <= settings.steps(); step++) {
      trainee.step(order.next(settings.batch()), rate(step));
      boolean trial = step % every == 0 || step == settings.steps();
      boolean finite = true;
      if (trial || step - told == trainee.patience()) {
        for (double error : trainee.errors()) {
          listener.step(++told, error);
          finite &= Double.isFinite(error);
        }
      }
      if (!finite || trial) {
        double error = finite ? trainee.error(split.held()) : Double.NaN;
        if (error < least) {
          least = error;
          best = trainee.maps();
          bestStep = step;
        }
        if (!(error <= DIVERGED * before)) {
          ending = Ending.DIVERGED;
          break;
        }
      }
    }
    return new Trained(
        bestStep == 0 ? closed : best.in(closed), new FitOutcome(bestStep, before, least, ending));
  }

  /// Rises linearly, then falls linearly to 0 behind the last step.
  private double rate(int step) {
    double left = 1 - (step - 1) / (double) settings.steps();
    return settings.rate() * Math.min(1, step / (double) WARM_UP) * left;
  }

  static int[] spread(int[] all, int count) {
    int some = Math.min(count, all.length);
    int[] spread = new int[some];
    for (int i = 0; i < some; i++) {
      spread[i] = all[(int) ((long) i * all.length / some)];
    }
    return spread;
  }
}
