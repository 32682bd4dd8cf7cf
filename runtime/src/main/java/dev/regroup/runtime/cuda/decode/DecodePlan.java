package dev.regroup.runtime.cuda.decode;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.decode.PagedCache;

/// Which kernel computes a shape on a chip, and how a block of it is built.
///
/// @param module the PTX file
/// @param kernel its entry
/// @param threads of a block
/// @param sharedBytes dynamic shared memory of a block
/// @param columns blocks that share a stretch of tokens, each with its states or query rows
/// @param blocks most blocks of the device at a time
/// @param tiling what blocks own
/// @param boxLines lines of 128 bytes of each token in a box of the copy engine
/// @param boxTokens tokens of a box; 0 for kernels that copy by themselves
public record DecodePlan(
    String module,
    String kernel,
    int threads,
    int sharedBytes,
    int columns,
    int blocks,
    Tiling tiling,
    int boxLines,
    int boxTokens) {
  /// Tokens of a page.
  public static final int PAGE = PagedCache.PAGE_TOKENS;

  /// Shared memory that one block may have where two are to fit on a Hopper multiprocessor.
  private static final int HALF = 113 * 1024;

  /// What a block owns and how its pipeline is cut.
  ///
  /// @param heads states a block owns
  /// @param rowTiles tiles of 16 query rows it owns of each
  /// @param tokens of a pipeline stage
  /// @param stages of the pipeline
  public record Tiling(int heads, int rowTiles, int tokens, int stages) {
    private static final Tiling FIXED = new Tiling(1, 1, PAGE, 1);
  }

  /// The plan for a shape on a device.
  public static DecodePlan of(DecodeShape shape, CudaDevice device) {
    if (shape.types().cache() == Precision.FLOAT32) {
      return generic(shape, device);
    }
    CacheRow row = shape.row();
    boolean hopper = device.computeCapability() == 90; // sm_90a code runs on no other chip
    if (isLatent(row)) {
      if (!hopper) {
        return latent(shape, device);
      }
      return shape.rows() <= 16 ? stream(shape, device) : wgmma(shape, device);
    }
    if (isTied(row)) {
      boolean streams = row.stateDim() == 128 && row.stateHeads() % 8 == 0 && shape.rows() <= 16;
      return hopper && streams ? stream(shape, device) : grouped(shape, device, "tied");
    }
    return isPair(row) ? grouped(shape, device, "grouped") : generic(shape, device);
  }

  /// MLA and GLA: the whole state is key and value.
  private static boolean isLatent(CacheRow row) {
    return row.key().equals(row.value())
        && row.key().width() == row.stateDim()
        && (row.stateDim() == 256 || row.stateDim() == 512)
        && row.ropeHeads() * row.ropeDim() == 64;
  }

  /// GTA: the whole state is value, its first half key.
  private static boolean isTied(CacheRow row) {
    return row.key().start() == 0
        && row.value().width() == row.stateDim()
        && 2 * row.key().width() == row.stateDim()
        && 2 * row.ropeHeads() * row.ropeDim() == row.stateDim()
        && (row.stateDim() == 64 || row.stateDim() == 128);
  }

  /// MHA, MQA, GQA: key beside value.
  private static boolean isPair(CacheRow row) {
    int width = row.key().width();
    return row.ropeHeads() == 0
        && row.key().start() == 0
        && row.value().start() == width
        && row.value().width() == width
        && row.stateDim() == 2 * width
        && (width == 32 || width == 64 || width == 96 || width == 128);
  }

  private static DecodePlan generic(DecodeShape shape, CudaDevice device) {
    CacheRow row = shape.row();
    int width = (row.stateDim() + shape.ropeDim()) | 1;
    int bytes = 4 * 16 * (row.queryDim() + width + 16 + 3);
    return new DecodePlan(
        "decode_generic",
        "decode_generic_" + shape.types().cache().suffix(),
        256,
        bytes,
        row.stateHeads() * Math.ceilDiv(shape.rows(), 16),
        2 * device.multiprocessors(),
        Tiling.FIXED,
        0,
        0);
  }

  private static DecodePlan grouped(DecodeShape shape, CudaDevice device, String kind) {
    CacheRow row = shape.row();
    int tiles = Math.ceilDiv(shape.rows(), 16);
    int rowTiles = Math.min(4, Integer.highestOneBit(2 * tiles - 1));
    int heads = 8;
    // 2 KB of states a token keep enough bytes in flight, and leave the rest to other blocks; a
    // shared rotary key is worth reading once for all states.
    int most = shape.ropeDim() == 0 ? 2048 : Integer.MAX_VALUE;
    while (heads > 1
        && (row.stateHeads() % heads != 0
            || heads * rowTiles > 8
            || heads * row.stateDim() * 2 > most)) {
      heads /= 2;
    }
    int stride = Math.ceilDiv(heads * row.stateDim() + shape.ropeDim(), 64) * 128;
    int room = Math.min(200 * 1024, device.sharedBytesPerBlock() - 1024);
    int tokens = PAGE;
    while (tokens > 16 && 3 * tokens * stride > room) {
      tokens /= 2;
    }
    int splits = Math.min(Math.max(1, 8 / (heads * rowTiles)), tokens / 16);
    int warps = heads * rowTiles * splits;
    int merge = warps * (16 * row.value().width() + 32) * 4;
    int bytes = Math.max(3 * tokens * stride, merge);
    if (bytes > device.sharedBytesPerBlock()) {
      return generic(shape, device);
    }
    int blocks = Math.clamp(HALF * 2L / (bytes + 1024), 1, 4); // of a multiprocessor
    boolean shared = blocks > 1 && kind.equals("grouped") && row.value().width() == 64;
    return new DecodePlan(
        "decode_grouped",
        "decode_%s_%d%s".formatted(kind, row.value().width(), shared ? "_shared" : ""),
        32 * warps,
        bytes,
        row.stateHeads() / heads * Math.ceilDiv(tiles, rowTiles),
        device.multiprocessors() * blocks,
        new Tiling(heads, rowTiles, tokens, 3),
        0,
        0);
  }

  private static DecodePlan latent(DecodeShape shape, CudaDevice device) {
    int dim = shape.row().stateDim();
    int scores = 2 * 16 * (PAGE + 8) * 4;
    for (int stages : new int[] {3, 2}) {
      int bytes = stages * PAGE * (dim + 64) * 2 + scores;
      if (bytes <= device.sharedBytesPerBlock()) {
        return new DecodePlan(
            "decode_latent",
            "decode_latent_%d_%d".formatted(dim, stages),
            256,
            bytes,
            shape.row().stateHeads() * Math.ceilDiv(shape.rows(), 16),
            device.multiprocessors(),
            Tiling.FIXED,
            0,
            0);
      }
    }
    return generic(shape, device);
  }

  private static DecodePlan stream(DecodeShape shape, CudaDevice device) {
    CacheRow row = shape.row();
    boolean tied = row.stateDim() == 128;
    int heads = tied ? 8 : 1;
    int tokens = row.stateDim() == 512 ? PAGE : 32;
    int meeting = row.stateDim() == 256 ? 1024 : 2048; // bytes of each of 8 warps
    int tile = (heads * row.stateDim() + 64) * tokens * 2;
    int blocks = row.stateDim() == 256 ? 2 : 1; // of a multiprocessor
    int stages = tied ? 3 : row.stateDim() == 512 ? 2 : 4;
    return new DecodePlan(
        "decode_stream.sm_90a",
        "decode_stream_%s_%d".formatted(tied ? "tied" : "latent", row.stateDim()),
        256,
        stages * (tile + 12) + 8 * meeting,
        row.stateHeads() / heads * Math.ceilDiv(shape.rows(), 16),
        blocks * device.multiprocessors(),
        new Tiling(heads, 1, tokens, stages),
        row.stateHeads() == heads ? row.elements() / 64 : 1, // all of a row at once
        tokens);
  }

  /// The sizes that `Layout` of decode_wgmma.sm_90a.cu adds up.
  private static DecodePlan wgmma(DecodeShape shape, CudaDevice device) {
    int dim = shape.row().stateDim();
    int stages = dim == 512 ? 3 : 5;
    int box = PAGE * 128;
    int queries =
        dim == 512 ? box + 64 * 32 : box; // the rotary part, and one step that no register holds
    int bytes = stages * (dim / 64 + 1) * box + queries + 3 * 64 * 4 + stages * 24 + 32;
    return new DecodePlan(
        "decode_wgmma.sm_90a",
        "decode_latent_%d_wgmma".formatted(dim),
        dim == 512 ? 384 : 256,
        bytes,
        shape.row().stateHeads() * Math.ceilDiv(shape.rows(), 64),
        device.multiprocessors(),
        Tiling.FIXED,
        1,
        PAGE);
  }

  /// Whether the kernel is made for such a shape, not for all.
  boolean isSpecial() {
    return !module.equals("decode_generic");
  }

  /// Most parts that a schedule may have: those whose blocks are all on the device at once.
  public int mostParts() {
    return Math.max(1, blocks / columns);
  }
}
