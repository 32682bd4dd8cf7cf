package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Attention of one new token of each sequence over its paged cache, by `step.cu`: right for every
/// layout up to queries of 640 elements and values of 512.
final class CacheAttention {
  private static final int THREADS = 256;
  private static final int MOST_PIECES = 32;

  private final CudaContext context;
  private final CudaStream stream;
  private final Scratch scratch;

  CacheAttention(CudaContext context, CudaStream stream, Scratch scratch) {
    this.context = context;
    this.stream = stream;
    this.scratch = scratch;
  }

  /// Caches of several sequences.
  ///
  /// @param cache pages of 64 rows
  /// @param table `[sequences, capacity]` int32, the pages of each in order
  /// @param positions `[sequences]` int32, where the new token of each stands
  record Caches(CudaBuffer cache, CudaBuffer table, int capacity, CudaBuffer positions) {}

  /// What attends.
  ///
  /// @param window how many tokens, the last included, are seen; 0 for all
  record Heads(CacheRow row, int count, double scale, int window) {}

  /// Starts it.
  ///
  /// @param queries `[sequences, heads · row.queryDim()]`, absorbed and rotated
  /// @param to `[sequences, heads · row.value().width()]`, of the same type
  void attend(Heads heads, Caches caches, DeviceBlock queries, DeviceBlock to) {
    CacheRow row = heads.row();
    int sequences = queries.rows();
    int width = row.value().width();
    int widest = Math.max(row.queryDim(), width);
    if (row.queryDim() > 640 || width > 512) {
      throw new IllegalArgumentException(
          "attention over a cache takes queries of 640 and values of 512 elements, found " + row);
    }
    String type = queries.type().suffix();
    String kernel = "attend_" + type + "_" + (widest <= 64 ? 64 : widest <= 128 ? 128 : 640);
    int pieces = pieces(heads.count() * sequences);
    CudaBuffer parts = scratch.get("pieces", 4L * heads.count() * sequences * pieces * (width + 2));
    context
        .module("step")
        .kernel(kernel)
        .launch(
            stream,
            new Launch(new Extent(heads.count(), sequences, pieces), Extent.of(THREADS), 0),
            queries.address(),
            caches.cache(),
            caches.table(),
            caches.capacity(),
            caches.positions(),
            to.address(),
            parts,
            layout(row, heads.count()),
            (float) heads.scale(),
            heads.window());
    if (pieces > 1) {
      context
          .module("step")
          .kernel("join_" + type)
          .launch(
              stream,
              Launch.of((long) heads.count() * sequences, Math.min(THREADS, width)),
              parts,
              pieces,
              width,
              to.address());
    }
  }

  /// Enough blocks for the whole device: the more sequences and heads, the fewer pieces of each.
  private int pieces(int rows) {
    int wanted = Math.ceilDiv(4 * context.device().multiprocessors(), rows);
    return Math.clamp(wanted, 1, MOST_PIECES);
  }

  /// What the kernels know of a row.
  private static byte[] layout(CacheRow row, int heads) {
    return ByteBuffer.allocate(40)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(row.elements())
        .putInt(row.stateDim())
        .putInt(row.key().start())
        .putInt(row.key().width())
        .putInt(row.value().start())
        .putInt(row.value().width())
        .putInt(row.stateHeads() * row.stateDim())
        .putInt(row.ropeHeads() * row.ropeDim())
        .putInt(heads / row.stateHeads())
        .array();
  }
}
