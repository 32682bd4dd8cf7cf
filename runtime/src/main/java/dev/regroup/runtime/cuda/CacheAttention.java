package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// {@link StepAttention} by `step.cu`: right for every layout up to queries of 640 elements and values
/// of 512.
final class CacheAttention implements StepAttention {
  private static final int THREADS = 256;
  private static final int MOST_PIECES = 32;

  private final CudaContext context;
  private final CudaStream stream;
  private final Scratch scratch;

  CacheAttention(CudaContext context, CudaStream stream) {
    this.context = context;
    this.stream = stream;
    scratch = new Scratch(context);
  }

  @Override
  public void begin() {
    // positions are read where they lie
  }

  @Override
  public void attend(Heads heads, Caches caches, DeviceBlock queries, DeviceBlock to) {
    CacheRow row = heads.row();
    int sequences = queries.rows();
    int width = row.value().width();
    int widest = Math.max(row.queryDim(), width);
    if (!StepAttention.plainTakes(row)) {
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
            caches.rows(),
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

  @Override
  public void close() {
    scratch.close();
  }
}
