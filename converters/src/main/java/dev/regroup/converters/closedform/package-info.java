/// The mathematics of conversion: which linear maps a target layer gets, from a source layer's weights
/// and moments.
///
/// Start at {@link ClosedForm}. Every conversion ends in {@link FactoredAttention}, the one form that
/// GTA and GLA layers share, which the refits then improve. Everything is float64 here and rounded once,
/// when it is written. Eigenvectors' signs are fixed, so two runs give equal bytes.
@NullMarked
package dev.regroup.converters.closedform;

import org.jspecify.annotations.NullMarked;
