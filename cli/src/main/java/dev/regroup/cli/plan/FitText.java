package dev.regroup.cli.plan;

import dev.regroup.cli.console.Quantity;
import dev.regroup.converters.fit.FitPlan;

/// A fit in one line.
final class FitText {
  private FitText() {}

  static String of(FitPlan fit) {
    if (fit.steps() == 0) {
      return "fit none: closed form only (--fit-steps N fits)";
    }
    String more =
        fit.normSteps() == 0
            ? ""
            : " and %s through the norms of latents".formatted(Quantity.grouped(fit.normSteps()));
    return "fit with calibration text: %s steps a layer%s of %d windows of %d tokens, about %s TFLOP"
        .formatted(
            Quantity.grouped(fit.steps()),
            more,
            fit.windowsPerStep(),
            fit.windowTokens(),
            Quantity.significant(fit.operations() / 1e12));
  }
}
