package dev.regroup.verify.report;

/// The tokens a verification ran on.
///
/// @param source where they come from
/// @param sha256 of the token ids, so that two reports can be compared
/// @param random whether they were drawn at random because there was no text
public record TextSummary(
    String source, String sha256, int windows, int windowTokens, long tokens, boolean random) {}
