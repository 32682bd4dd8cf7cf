package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.cuda.CudaKernel.Extent;
import dev.regroup.runtime.cuda.CudaKernel.Launch;
import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.decode.PagedCache;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// {@link DecodeKernel} by `step.cu`, for caches that the host holds: pages are carried to the device
/// at each call. What decodes fast holds its cache there.
public final class CudaDecodeKernel implements DecodeKernel, AutoCloseable {
  private final CudaContext context;
  private final CudaStream stream;
  private final Scratch scratch;

  /// @param context closed by the caller, after this
  public CudaDecodeKernel(CudaContext context) {
    this.context = context;
    stream = context.stream();
    scratch = new Scratch(context);
  }

  @Override
  public synchronized float[] attend(float[] query, PagedCache cache, double scale, int window) {
    CacheRow row = cache.row();
    int heads = DecodeKernel.heads(query, cache);
    int pageElements = PagedCache.PAGE_TOKENS * row.elements();
    CudaBuffer pages = scratch.get("pages", 4L * cache.pages() * pageElements);
    int[] table = new int[cache.pages()];
    for (int page = 0; page < table.length; page++) {
      pages.upload(cache.page(page * PagedCache.PAGE_TOKENS), 4L * page * pageElements);
      table[page] = page;
    }
    CudaBuffer queries = scratch.get("queries", 4L * query.length).upload(query);
    int outputs = heads * row.value().width();
    CudaBuffer output = scratch.get("output", 4L * outputs);
    context
        .module("step")
        .kernel("attend_f32")
        .launch(
            stream,
            new Launch(new Extent(heads, 1, 1), Extent.of(256), 0),
            queries,
            pages,
            scratch.get("table", 4L * table.length).upload(table),
            table.length,
            scratch.get("positions", 4).upload(new int[] {cache.tokens() - 1}),
            output,
            rows(row, heads),
            (float) scale,
            window);
    stream.synchronize();
    return output.floats(outputs);
  }

  /// What the kernels know of a row.
  static byte[] rows(CacheRow row, int heads) {
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
    stream.synchronize();
    scratch.close();
    stream.close();
  }
}
