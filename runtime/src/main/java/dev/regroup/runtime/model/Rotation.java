package dev.regroup.runtime.model;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.CacheRow;

/// Turns the rotated part of queries and keys to their positions: the same on every backend, and on the
/// host where one sequence's rows do not follow another's.
///
/// @param spec of the sublayer
/// @param operations what it is computed by
public record Rotation(AttentionSpec spec, Operations operations) {
  /// Queries and rows at positions `first, first + 1, ...`.
  public Projected turn(Projected projected, int first) {
    AttentionLayout layout = spec.layout();
    float[] queries = projected.queries().clone();
    float[] rows = projected.rows().clone();
    int queryDim = layout.queryDim();
    operations.rotate(
        queries,
        new HeadSlices(
            layout.queryHeads(), layout.nopeDim(), queryDim, layout.queryHeads() * queryDim),
        spec.rope(),
        first);
    operations.rotate(rows, keys(layout.cacheRow()), spec.rope(), first);
    return new Projected(projected.tokens(), queries, rows);
  }

  private static HeadSlices keys(CacheRow row) {
    return row.ropeHeads() == 0
        ? new HeadSlices(row.stateHeads(), row.key().start(), row.stateDim(), row.elements())
        : new HeadSlices(
            row.ropeHeads(), row.stateHeads() * row.stateDim(), row.ropeDim(), row.elements());
  }
}
