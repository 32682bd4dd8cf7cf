/// The fit: each converted layer is trained to give what the source's gives, on calibration
/// activations, without labels and without a pass through the whole model.
///
/// Start at {@link LayerFit}. {@link Training} takes steps ({@link EigenAdam}) along gradients of a
/// {@link FitProblem}, whose explicit derivatives are in {@link AttentionPass} and {@link Adjoint};
/// {@link OutputRefit} then solves for the output projection exactly. Where the target norms latents,
/// some more steps go through {@link NormedStates}. {@link FitPlan} says beforehand what that takes.
@NullMarked
package dev.regroup.converters.fit;

import org.jspecify.annotations.NullMarked;
