package dev.regroup.verify.report;

import dev.regroup.verify.measure.Estimate;

/// Some of the tokens, by their position in the window or by the source's confidence.
///
/// @param label such as `128-255` or `0.50-0.75`
public record Bucket(
    String label,
    long tokens,
    double sourcePerplexity,
    double targetPerplexity,
    Estimate kl,
    double top1) {}
