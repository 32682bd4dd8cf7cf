package dev.regroup.verify.report;

/// One of the two models, in words.
///
/// @param name the path it was opened at
/// @param architecture as {@link dev.regroup.formats.architecture.ModelSpec#architecture}
/// @param layout the label of its attention layouts, joined with `+` where layers differ
/// @param layers how many
/// @param cacheElements elements one token takes in the cache, over all layers
public record ModelSummary(
    String name, String architecture, String layout, int layers, long cacheElements) {}
