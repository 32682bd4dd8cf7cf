package dev.regroup.converters.report;

import java.util.Optional;
import java.util.OptionalDouble;

/// What the conversion of one layer's attention did.
///
/// @param layer index from 0
/// @param predictedError what the closed form says it loses: the first-order squared error of the
///     sublayer's output over its squared size (without calibration, over that of its values)
/// @param measuredError squared error of the attention sublayer's output over its squared size, both
///     sublayers fed the source's input on calibration text; absent without calibration
/// @param closedFormError the same before the fit; absent without calibration
/// @param fit what the fit did; absent where there was none
public record LayerReport(
    int layer,
    double predictedError,
    OptionalDouble measuredError,
    OptionalDouble closedFormError,
    Optional<FitOutcome> fit) {}
