package dev.regroup.verify.report;

import java.util.OptionalDouble;

/// What one layer adds to the difference of two models.
///
/// @param attentionError `Σ|y_t - y_s|² / Σ|y_s|²` of the attention sublayers' outputs, both fed
///     the source's residual stream: the error this layer injects
/// @param attentionCosine cosine of the two outputs, all tokens as one vector
/// @param drift `Σ|h_t - h_s|² / Σ|h_s|²` of the residual streams after the layer, each model on
///     its own stream: the error so far
/// @param expertAgreement share of the source's experts that the target's router chose too, on its
///     own stream; nothing for a dense layer
public record LayerFinding(
    int layer,
    String sourceLayout,
    String targetLayout,
    double attentionError,
    double attentionCosine,
    double drift,
    OptionalDouble expertAgreement) {}
