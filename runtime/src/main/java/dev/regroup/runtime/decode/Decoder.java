package dev.regroup.runtime.decode;

import dev.regroup.runtime.model.Transformer;

/// Decodes one sequence token by token through a paged cache, all weights in memory.
public final class Decoder {
  private final Transformer model;

  /// Reads all weights of `model`.
  public Decoder(Transformer model) {
    this.model = model;
  }

  /// Appends `token` at the next position and returns the logits `[vocabulary]` that follow it.
  public float[] step(int token) {
    throw new UnsupportedOperationException("not yet: " + token + model.spec());
  }

  /// Tokens in the cache.
  public int tokens() {
    throw new UnsupportedOperationException("not yet");
  }

  /// Bytes that one token takes in the cache as allocated, over all layers: bytes of the pages in use,
  /// divided by the tokens that they hold when full.
  ///
  /// @param elementBytes bytes of a cached element, 2 for BF16
  public double allocatedBytesPerToken(int elementBytes) {
    throw new UnsupportedOperationException("not yet: " + elementBytes);
  }

  /// Forgets every token and frees the cache.
  public void reset() {
    throw new UnsupportedOperationException("not yet");
  }
}
