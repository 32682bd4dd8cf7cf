package dev.regroup.runtime.cuda.decode;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.Precision;

/// What a decode step computes for each sequence of a batch, as {@link
/// dev.regroup.runtime.decode.DecodeKernel} defines it.
///
/// @param row how the cache keeps a token
/// @param queryHeads a multiple of the row's states
/// @param queryLength new tokens of a sequence; each sees those before it and itself
/// @param window how many tokens, the last included, a new token sees; 0 for all
/// @param types of what is read and written
public record DecodeShape(CacheRow row, int queryHeads, int queryLength, int window, Types types) {
  /// Types of elements.
  public record Types(Precision cache, Precision query, Precision output) {
    /// BF16 throughout.
    public static final Types BFLOAT16 =
        new Types(Precision.BFLOAT16, Precision.BFLOAT16, Precision.BFLOAT16);
  }

  public DecodeShape {
    if (queryLength < 1 || queryHeads < 1 || queryHeads % row.stateHeads() != 0) {
      throw new IllegalArgumentException(
          "decode: expected query heads in groups of %d and at least one new token, found %d and %d"
              .formatted(row.stateHeads(), queryHeads, queryLength));
    }
    if (row.value().width() > 512) {
      throw new IllegalArgumentException(
          "decode: expected values of at most 512 elements, found " + row.value().width());
    }
  }

  /// Query rows that meet a state: its heads, times the new tokens.
  public int rows() {
    return queryHeads / row.stateHeads() * queryLength;
  }

  /// Elements of the rotary key.
  int ropeDim() {
    return row.ropeHeads() * row.ropeDim();
  }

  /// Elements of the queries of one sequence.
  public int queryElements() {
    return queryLength * queryHeads * row.queryDim();
  }

  /// Elements of the output of one sequence.
  public int outputElements() {
    return queryLength * queryHeads * row.value().width();
  }

  /// Bytes that must move for `tokens` cached tokens of `batch` sequences: each cached byte once,
  /// queries and output once.
  public long bytes(long tokens, int batch) {
    return tokens * row.elements() * types.cache().bytes()
        + (long) batch * queryElements() * types.query().bytes()
        + (long) batch * outputElements() * types.output().bytes();
  }

  /// Floating-point operations of `tokens` cached tokens.
  public double operations(long tokens) {
    return 2.0 * queryLength * queryHeads * (row.queryDim() + row.value().width()) * tokens;
  }

  /// The first page that the earliest new token sees.
  int firstPage(int length) {
    return window == 0 ? 0 : Math.max(0, length - queryLength + 1 - window) / DecodePlan.PAGE;
  }

  /// Pages that the new tokens see together.
  int pages(int length) {
    return Math.ceilDiv(length, DecodePlan.PAGE) - firstPage(length);
  }
}
