package dev.regroup.runtime.model;

/// Queries and cache rows of a sequence, before or after rotation.
///
/// @param queries `[tokens, H, d_n + d_r]`, the rotated part last
/// @param rows `[tokens, row]` as {@link dev.regroup.formats.attention.CacheRow} lays them out:
///   states in head order (for GQA key then value), then the rotary key
public record Projected(int tokens, float[] queries, float[] rows) {}
