package dev.regroup.verify.compare;

import dev.regroup.verify.measure.Deviation;

/// How far a contender's layer is from the source's.
///
/// @param attention of the attention sublayers' outputs, both fed the source's residual stream
/// @param stream of the residual streams after the layer, each on its own
/// @param sameExperts choices of the source's router that the contender's made too
/// @param experts choices of the source's router; 0 for a dense layer
public record LayerDeviation(
    Deviation attention, Deviation stream, long sameExperts, long experts) {}
