package dev.regroup.converters.report;

import java.util.Collections;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;

/// What the conversion of one layer's attention did.
///
/// @param layer index from 0
/// @param predictedError what the closed form says it loses: the first-order squared error of the
///     sublayer's output over its squared size (without calibration, over that of its values)
/// @param measuredError squared error of the attention sublayer's output over its squared size, both
///     sublayers fed the source's input on calibration text; absent without calibration
/// @param closedFormError the same before the fit; absent without calibration
/// @param fit what the fit did; absent where there was none
/// @param requantized by tensor, how far its FP8 form is from what was converted: the size of the
///     difference over that of the tensor, not squared; empty where nothing was quantised anew
public record LayerReport(
    int layer,
    double predictedError,
    OptionalDouble measuredError,
    OptionalDouble closedFormError,
    Optional<FitOutcome> fit,
    SortedMap<String, Double> requantized) {
  public LayerReport {
    requantized = Collections.unmodifiableSortedMap(new TreeMap<>(requantized));
  }

  /// The report on a layer of which nothing was quantised anew, or not yet.
  public LayerReport(
      int layer,
      double predictedError,
      OptionalDouble measuredError,
      OptionalDouble closedFormError,
      Optional<FitOutcome> fit) {
    this(layer, predictedError, measuredError, closedFormError, fit, new TreeMap<>());
  }

  /// The same with what quantising tensors anew lost.
  public LayerReport withRequantized(SortedMap<String, Double> errors) {
    return new LayerReport(layer, predictedError, measuredError, closedFormError, fit, errors);
  }
}
