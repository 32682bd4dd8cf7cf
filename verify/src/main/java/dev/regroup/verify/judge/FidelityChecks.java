package dev.regroup.verify.judge;

import dev.regroup.verify.measure.Estimate;
import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.LayerFinding;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.LogitFindings;
import dev.regroup.verify.report.Status;
import dev.regroup.verify.report.Thresholds;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/// Checks of how far the target is from the source: held against the user's limits, else only told.
final class FidelityChecks {
  private FidelityChecks() {}

  static Check attention(List<LayerFinding> layers) {
    return largest(Level.ATTENTION, "injected error", layers, LayerFinding::attentionError);
  }

  static List<Check> layers(List<LayerFinding> layers) {
    var checks = new ArrayList<Check>();
    checks.add(largest(Level.LAYERS, "drift", layers, LayerFinding::drift));
    layers.stream()
        .map(LayerFinding::expertAgreement)
        .flatMapToDouble(OptionalDouble::stream)
        .min()
        .ifPresent(
            agreement ->
                checks.add(
                    Check.measured(
                        Level.LAYERS.label(),
                        "experts",
                        agreement,
                        String.format(
                            Locale.ROOT,
                            "in every mixture at least %.2f%% of the source's experts are chosen",
                            100 * agreement))));
    return checks;
  }

  /// The layer where a number is largest; fails where one is not a number.
  private static Check largest(
      Level level, String name, List<LayerFinding> layers, ToDoubleFunction<LayerFinding> number) {
    LayerFinding worst = layers.getFirst();
    for (LayerFinding layer : layers) {
      double value = number.applyAsDouble(layer);
      if (!Double.isFinite(value)) {
        return Check.of(
            level.label(),
            name,
            Status.FAIL,
            "layer %d: activations are not finite".formatted(layer.layer()));
      }
      worst = value > number.applyAsDouble(worst) ? layer : worst;
    }
    double value = number.applyAsDouble(worst);
    return Check.measured(
        level.label(),
        name,
        value,
        String.format(
            Locale.ROOT,
            "largest in layer %d: %.3g of the source's squared norm",
            worst.layer(),
            value));
  }

  static List<Check> logits(LogitFindings found, Thresholds thresholds) {
    var checks = new ArrayList<Check>();
    checks.add(
        Check.of(
            Level.LOGITS.label(),
            "finite logits",
            found.notFinite().isEmpty() ? Status.PASS : Status.FAIL,
            found.notFinite().isEmpty()
                ? "every logit is a number"
                : "NaN or infinite logits: " + ExactChecks.some(found.notFinite())));
    String origin = thresholds.origin();
    checks.add(
        thresholds.maxPerplexityRatio().isPresent()
            ? Gate.atMost(
                "perplexity ratio",
                found.perplexityRatio(),
                thresholds.maxPerplexityRatio().getAsDouble(),
                origin)
            : measured("perplexity ratio", found.perplexityRatio()));
    checks.add(
        thresholds.maxKl().isPresent()
            ? Gate.atMost("KL", found.kl(), thresholds.maxKl().getAsDouble(), origin)
            : measured("KL", found.kl()));
    checks.add(
        thresholds.minTop1().isPresent()
            ? Gate.atLeast(
                "top-1 agreement", found.top1(), thresholds.minTop1().getAsDouble(), origin)
            : measured("top-1 agreement", found.top1()));
    return checks;
  }

  private static Check measured(String name, Estimate estimate) {
    return Check.measured(
        Level.LOGITS.label(),
        name,
        estimate.value(),
        String.format(
            Locale.ROOT,
            "%.5g, bounds %.5g and %.5g; no limit given",
            estimate.value(),
            estimate.lower(),
            estimate.upper()));
  }
}
