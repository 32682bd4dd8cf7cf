/// What calibration text says of a layer: the few moments that closed forms need.
///
/// Start at {@link LayerStatistics}. Where there is no text, {@link WeightPrior} makes the same from the
/// weights alone.
@NullMarked
package dev.regroup.converters.calibrate;

import org.jspecify.annotations.NullMarked;
