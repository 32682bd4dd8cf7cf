/// The witness: what a converted model is worth beside its source.
///
/// Start at {@link Verifier}. `compare` runs both models in lock step, `measure` turns logits into
/// estimates with bounds, `judge` makes checks and a verdict of them, `report` shows what came out.
/// Nothing here sees how a model was converted, so that a mistake of the converter cannot hide in
/// the check.
@NullMarked
package dev.regroup.verify;

import org.jspecify.annotations.NullMarked;
