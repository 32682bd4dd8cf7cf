package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.decode.PagedCache;

/// {@link DecodeKernel} by `step.cu`, for caches that the host holds: pages are carried to the device
/// at each call. What decodes fast holds its cache there.
public final class CudaDecodeKernel implements DecodeKernel, AutoCloseable {
  private final CudaStream stream;
  private final Scratch scratch;
  private final CacheAttention attention;

  /// @param context closed by the caller, after this
  public CudaDecodeKernel(CudaContext context) {
    stream = context.stream();
    scratch = new Scratch(context);
    attention = new CacheAttention(context, stream);
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
    CudaBuffer positions = scratch.get("positions", 4).upload(new int[] {cache.tokens() - 1});
    CudaBuffer lengths = scratch.get("lengths", 4).upload(new int[] {cache.tokens()});
    CudaBuffer order = scratch.get("table", 4L * table.length).upload(table);
    attention.attend(
        new StepAttention.Heads(row, heads, scale, window),
        new StepAttention.Caches(pages, order, table.length, positions, lengths),
        DeviceBlock.of(queries, Precision.FLOAT32, 1, query.length),
        DeviceBlock.of(output, Precision.FLOAT32, 1, outputs));
    stream.synchronize();
    return output.floats(outputs);
  }

  @Override
  public void close() {
    stream.synchronize();
    attention.close();
    scratch.close();
    stream.close();
  }
}
