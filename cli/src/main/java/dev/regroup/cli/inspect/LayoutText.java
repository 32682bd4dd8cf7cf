package dev.regroup.cli.inspect;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;

/// Attention layouts in a few words.
public final class LayoutText {
  private LayoutText() {}

  /// Heads and their dims.
  public static String heads(AttentionLayout layout) {
    return switch (layout) {
      case Gqa(int queryHeads, int kvHeads, int headDim) ->
          "%d query, %d kv, dim %d".formatted(queryHeads, kvHeads, headDim);
      case Gta(int queryHeads, int kvHeads, int headDim, int ropeDim) ->
          "%d query, %d tied kv, dim %d (%d rotated)"
              .formatted(queryHeads, kvHeads, headDim, ropeDim);
      case Gla gla ->
          "%d query, %d latent, dims %d+%d/%d"
              .formatted(
                  gla.queryHeads(),
                  gla.latentHeads(),
                  gla.nopeDim(),
                  gla.ropeDim(),
                  gla.valueDim());
    };
  }

  /// What is cached of a token in one layer.
  public static String row(CacheRow row) {
    String rope = row.ropeHeads() == 0 ? "" : " + " + row.ropeHeads() * row.ropeDim();
    return "%d x %d%s = %d elements"
        .formatted(row.stateHeads(), row.stateDim(), rope, row.elements());
  }
}
