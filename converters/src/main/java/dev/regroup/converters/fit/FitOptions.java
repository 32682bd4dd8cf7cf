package dev.regroup.converters.fit;

import java.util.OptionalInt;

/// How hard the fit tries, and on what.
///
/// @param steps of training a layer; 0 leaves the closed form as it is; empty lets the model's size
///     decide, see {@link FitPlan}
/// @param batch windows that a step sees
/// @param tokens of calibration text that steps draw their windows from, at most
/// @param rate of the first steps: how far an element may move in one, relative to the root mean
///     square of its map; it falls to 0 over the steps
/// @param mode what a layer is fed
/// @param statisticsTokens tokens that the closed form's statistics are taken on, at most
/// @param memory bytes of activations to keep on the heap; the rest lies in a temporary file
public record FitOptions(
    OptionalInt steps,
    int batch,
    long tokens,
    double rate,
    Mode mode,
    long statisticsTokens,
    long memory) {

  /// What a layer is fed while it is fitted, and what it aims at.
  public enum Mode {
    /// The target's stream, aiming at the source's: a layer puts right what earlier ones lost.
    SEQUENTIAL,
    /// The source's own stream, aiming at the source's output: no layer knows of the others.
    PARALLEL
  }

  /// What conversions use.
  public static final FitOptions DEFAULT =
      new FitOptions(
          OptionalInt.empty(), 4, 131_072, 0.03, Mode.SEQUENTIAL, 65_536, Long.MAX_VALUE);

  /// The closed form alone.
  public static final FitOptions NONE = DEFAULT.withSteps(0);

  public FitOptions {
    if (batch < 1 || tokens < 1 || statisticsTokens < 1 || memory < 0) {
      throw new IllegalArgumentException(
          "expected a batch, tokens and memory, found %d, %d, %d and %d"
              .formatted(batch, tokens, statisticsTokens, memory));
    }
    if (steps.orElse(0) < 0 || !(rate > 0)) {
      throw new IllegalArgumentException(
          "expected no negative steps and a positive rate, found %s and %s".formatted(steps, rate));
    }
  }

  /// The same with a fixed number of steps.
  public FitOptions withSteps(int count) {
    return new FitOptions(
        OptionalInt.of(count), batch, tokens, rate, mode, statisticsTokens, memory);
  }

  /// The same with a first rate.
  public FitOptions withRate(double first) {
    return new FitOptions(steps, batch, tokens, first, mode, statisticsTokens, memory);
  }

  /// The same in another mode.
  public FitOptions withMode(Mode other) {
    return new FitOptions(steps, batch, tokens, rate, other, statisticsTokens, memory);
  }

  /// The same with so much memory for activations.
  public FitOptions withMemory(long bytes) {
    return new FitOptions(steps, batch, tokens, rate, mode, statisticsTokens, bytes);
  }
}
