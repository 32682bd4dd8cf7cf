package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.decode.DecodeKernel;
import dev.regroup.runtime.decode.PagedCache;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A batch by a kernel for one new token: new tokens one after another, each over what it sees.
final class HostBatchDecode {
  private HostBatchDecode() {}

  static List<float[]> attend(DecodeKernel kernel, Batch batch) {
    DecodeShape shape = batch.shape();
    int query = shape.queryElements() / shape.queryLength();
    int output = shape.outputElements() / shape.queryLength();
    List<float[]> outputs = new ArrayList<>();
    for (int sequence = 0; sequence < batch.caches().size(); sequence++) {
      float[] all = new float[shape.outputElements()];
      PagedCache cache = batch.caches().get(sequence);
      for (int token = 0; token < shape.queryLength(); token++) {
        float[] queries = batch.queries().get(sequence);
        float[] one =
            kernel.attend(
                Arrays.copyOfRange(queries, token * query, (token + 1) * query),
                first(cache, cache.tokens() - shape.queryLength() + 1 + token),
                batch.scale(),
                shape.window());
        System.arraycopy(one, 0, all, token * output, output);
      }
      outputs.add(all);
    }
    return outputs;
  }

  private static PagedCache first(PagedCache cache, int tokens) {
    if (tokens == cache.tokens()) {
      return cache;
    }
    var copy = new PagedCache(cache.row());
    for (int token = 0; token < tokens; token++) {
      int start = cache.start(token);
      copy.append(Arrays.copyOfRange(cache.page(token), start, start + cache.row().elements()), 0);
    }
    return copy;
  }
}
