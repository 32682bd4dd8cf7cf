package dev.regroup.runtime.decode;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Embedding;
import dev.regroup.runtime.model.Operations;
import dev.regroup.runtime.model.OutputHead;
import dev.regroup.runtime.model.Projected;
import dev.regroup.runtime.model.Residual;
import dev.regroup.runtime.model.Rotation;
import dev.regroup.runtime.model.Transformer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// Decodes several sequences of one length side by side, all weights in memory: what {@link Decoder}
/// says of each, but every product with weights is formed once for all of them.
///
/// Attention meets each sequence's own paged cache, sequences in parallel.
public final class BatchDecoder implements AutoCloseable {
  private final int sequences;
  private final Embedding embedding;
  private final List<DecoderLayer> layers;
  private final List<List<PagedCache>> caches = new ArrayList<>();
  private final OutputHead head;
  private final DecodeKernel kernel;

  /// Reads all weights of `model`, for so many sequences.
  public BatchDecoder(Transformer model, int sequences) {
    this.sequences = sequences;
    embedding = model.embedding();
    layers = IntStream.range(0, model.spec().layers().size()).mapToObj(model::layer).toList();
    head = model.head();
    kernel = DecodeKernel.fast();
    reset();
  }

  /// Forgets every token of every sequence.
  public void reset() {
    caches.clear();
    for (DecoderLayer layer : layers) {
      CacheRow row = layer.spec().attention().layout().cacheRow();
      caches.add(IntStream.range(0, sequences).mapToObj(_ -> new PagedCache(row)).toList());
    }
  }

  /// Appends one token to each sequence and returns the logits `[sequences, vocabulary]` that follow.
  public float[] step(int[] tokens) {
    if (tokens.length != sequences) {
      throw new IllegalArgumentException(
          "expected a token for each of %d sequences, found %d"
              .formatted(sequences, tokens.length));
    }
    float[] hidden = embedding.embed(tokens);
    for (int i = 0; i < layers.size(); i++) {
      DecoderLayer layer = layers.get(i);
      float[] x = layer.attentionInput(hidden, sequences);
      hidden = Residual.sum(hidden, attend(layer.attention(), x, caches.get(i)));
      hidden = Residual.sum(hidden, layer.feedForward(hidden, sequences));
    }
    return head.logits(hidden, 0, sequences);
  }

  private float[] attend(AttentionSublayer attention, float[] x, List<PagedCache> own) {
    AttentionLayout layout = attention.spec().layout();
    CacheRow row = layout.cacheRow();
    int rotatedQuery = layout.queryHeads() * layout.queryDim();
    int query = layout.queryHeads() * row.queryDim();
    int value = layout.queryHeads() * row.value().width();
    Projected projected = attention.project(x, sequences);
    var rotation = new Rotation(attention.spec(), Operations.fast());
    float[] queries = new float[sequences * rotatedQuery];
    float[] rows = new float[sequences * row.elements()];
    Parallel.forEach(
        sequences,
        s -> {
          // each is at the same position of its own sequence
          Projected one =
              new Projected(
                  1,
                  slice(projected.queries(), s, rotatedQuery),
                  slice(projected.rows(), s, row.elements()));
          Projected turned = rotation.turn(one, own.get(s).tokens());
          System.arraycopy(turned.queries(), 0, queries, s * rotatedQuery, rotatedQuery);
          System.arraycopy(turned.rows(), 0, rows, s * row.elements(), row.elements());
        });
    float[] absorbed = attention.absorb(new Projected(sequences, queries, rows));
    float[] attended = new float[sequences * value];
    Parallel.forEach(
        sequences,
        s -> {
          PagedCache cache = own.get(s);
          cache.append(rows, s * row.elements());
          float[] output =
              kernel.attend(
                  slice(absorbed, s, query),
                  cache,
                  attention.spec().softmaxScale(),
                  attention.spec().window());
          System.arraycopy(output, 0, attended, s * value, value);
        });
    return attention.output(attention.expand(attended, sequences), sequences);
  }

  @Override
  public void close() {
    layers.forEach(DecoderLayer::close);
    head.close();
  }

  private static float[] slice(float[] all, int index, int width) {
    return Arrays.copyOfRange(all, index * width, (index + 1) * width);
  }
}
