/// Refits of a converted layer: least squares on calibration activations, no gradient descent.
///
/// Start at {@link Refit}. {@link GaussNewton} solves for all of a layer's maps at once: attention is
/// linearised about the current maps ({@link AttentionPass}), and the linear least-squares problem is
/// solved by conjugate gradients, preconditioned with the second moments of each map's inputs and
/// outputs. {@link OutputRefit} then solves for the output projection exactly.
@NullMarked
package dev.regroup.converters.refine;

import org.jspecify.annotations.NullMarked;
