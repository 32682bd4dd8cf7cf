package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.cuda.CudaBuffer;

/// Where a batch lies on the device.
///
/// @param query `[batch, queryLength, queryHeads, queryDim]`, absorbed, its rotary part rotated
/// @param pages the cache; page p begins `p · pageStride` elements after its start
/// @param table `[batch, tableStride]` page numbers; those behind a sequence's end are never read
/// @param lengths `[batch]` tokens of each sequence, the new ones included
/// @param output `[batch, queryLength, queryHeads, valueWidth]`
public record DecodeInputs(
    CudaBuffer query, Pages pages, Table table, CudaBuffer lengths, CudaBuffer output) {
  /// The cache's pages.
  ///
  /// @param address of the first page, a multiple of 16
  /// @param count pages that are there
  /// @param stride elements from a page to the next
  public record Pages(long address, long count, long stride) {}

  /// Which pages a sequence has.
  ///
  /// @param numbers page numbers of all sequences
  /// @param stride numbers of each
  public record Table(CudaBuffer numbers, int stride) {}
}
