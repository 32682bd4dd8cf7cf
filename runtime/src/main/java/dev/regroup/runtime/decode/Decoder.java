package dev.regroup.runtime.decode;

import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Embedding;
import dev.regroup.runtime.model.OutputHead;
import dev.regroup.runtime.model.Residual;
import dev.regroup.runtime.model.Transformer;
import java.util.List;
import java.util.stream.IntStream;

/// Decodes one sequence token by token through a paged cache, all weights in memory.
public final class Decoder implements AutoCloseable {
  private final Embedding embedding;
  private final List<DecoderLayer> layers;
  private final List<LayerDecoder> attention;
  private final OutputHead head;

  /// Reads all weights of `model`.
  public Decoder(Transformer model) {
    this(model, DecodeKernel.fast());
  }

  /// Reads all weights of `model`, to be decoded by `kernel`.
  public Decoder(Transformer model, DecodeKernel kernel) {
    embedding = model.embedding();
    layers = IntStream.range(0, model.spec().layers().size()).mapToObj(model::layer).toList();
    attention = layers.stream().map(layer -> new LayerDecoder(layer.attention(), kernel)).toList();
    head = model.head();
  }

  /// Appends `token` at the next position and returns the logits `[vocabulary]` that follow it.
  public float[] step(int token) {
    float[] hidden = embedding.embed(new int[] {token});
    for (int i = 0; i < layers.size(); i++) {
      DecoderLayer layer = layers.get(i);
      hidden = Residual.sum(hidden, attention.get(i).append(layer.attentionInput(hidden, 1), 1));
      hidden = Residual.sum(hidden, layer.feedForward(hidden, 1));
    }
    return head.logits(hidden, 0, 1);
  }

  /// Tokens in the cache.
  public int tokens() {
    return attention.isEmpty() ? 0 : attention.getFirst().cache().tokens();
  }

  /// Bytes that one token takes in the cache as allocated, over all layers: bytes of the pages in
  /// use, divided by the tokens that they hold when full; 0 for an empty cache.
  ///
  /// @param elementBytes bytes of a cached element, 2 for BF16
  public double allocatedBytesPerToken(int elementBytes) {
    double bytes = 0;
    for (LayerDecoder layer : attention) {
      PagedCache cache = layer.cache();
      if (cache.pages() > 0) {
        bytes +=
            (double) cache.allocatedElements()
                * elementBytes
                / ((long) cache.pages() * PagedCache.PAGE_TOKENS);
      }
    }
    return bytes;
  }

  /// Forgets every token and frees the cache.
  public void reset() {
    attention.forEach(layer -> layer.cache().clear());
  }

  /// Frees the weights where they lie on a device.
  @Override
  public void close() {
    layers.forEach(DecoderLayer::close);
    head.close();
  }
}
