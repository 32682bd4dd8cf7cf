package dev.regroup.converters.fit;

import dev.regroup.converters.closedform.LatentNorm;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.tensor.Shape;

/// What a fit of a model comes to, known before anything is read.
///
/// @param steps of every layer
/// @param normSteps more of them, through the norms of layers whose form norms latents that a
///     conversion makes
/// @param windowsPerStep windows that a step sees
/// @param windowTokens of a window
/// @param operations floating-point operations of all steps over all layers, about
public record FitPlan(
    int steps, int normSteps, int windowsPerStep, int windowTokens, double operations) {
  /// Steps by default, where the model is small enough.
  private static final int MOST_STEPS = 400;

  /// Fewer than these do little beyond noise.
  private static final int FEWEST_STEPS = 25;

  /// One step through the norms for so many without them.
  private static final int NORM_SHARE = 8;

  /// Operations that a fit may take by default: minutes on a few cores.
  private static final double BUDGET = 2e13;

  /// Forward and backward, a multiplication and an addition each.
  private static final double PASSES = 6;

  /// The fit that `options` ask for, or by default as many steps as the budget allows; none where it
  /// allows next to none.
  public static FitPlan of(FitOptions options, ModelSpec target, int windowTokens) {
    double step = 0;
    for (int layer = 0; layer < target.layers().size(); layer++) {
      AttentionSpec attention = target.layers().get(layer).attention();
      step += options.batch() * operations(attention, target.hiddenSize(), windowTokens);
    }
    int affordable = (int) Math.min(MOST_STEPS, BUDGET / Math.max(step, 1));
    int steps = options.steps().orElse(affordable < FEWEST_STEPS ? 0 : affordable);
    boolean normed =
        target.layers().stream().anyMatch(layer -> LatentNorm.trainable(layer.attention()));
    int normSteps = normed ? steps / NORM_SHARE : 0;
    return new FitPlan(steps, normSteps, options.batch(), windowTokens, (steps + normSteps) * step);
  }

  private static double operations(AttentionSpec attention, int hiddenSize, int tokens) {
    double weights =
        attention.tensors(hiddenSize).values().stream().mapToLong(Shape::elements).sum();
    AttentionLayout layout = attention.layout();
    double scores =
        layout.queryHeads() * (layout.queryDim() + layout.valueDim()) * (double) tokens / 2;
    return PASSES * tokens * (weights + scores);
  }
}
