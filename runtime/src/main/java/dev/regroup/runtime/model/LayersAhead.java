package dev.regroup.runtime.model;

import dev.regroup.runtime.DeviceException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/// The layers of a model in order, each read while the one before it is at work: reading a layer that
/// does not stay in memory takes longer than running it.
///
/// Where there is no room for two layers at a time, the next is read when it is asked for. For use by
/// one thread.
public final class LayersAhead implements AutoCloseable {
  private final Transformer model;
  private final ExecutorService reader;
  private boolean ahead;
  private int index;
  private @Nullable CompletableFuture<DecoderLayer> next;

  /// @param ahead whether to read a layer before it is asked for
  public LayersAhead(Transformer model, boolean ahead) {
    this.model = model;
    this.ahead = ahead;
    reader = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().factory());
  }

  /// The next layer; closed by the caller.
  public DecoderLayer next() {
    DecoderLayer layer = take();
    index++;
    if (ahead && index < model.spec().layers().size()) {
      int following = index;
      next = CompletableFuture.supplyAsync(() -> model.layer(following), reader);
    }
    return layer;
  }

  private DecoderLayer take() {
    CompletableFuture<DecoderLayer> pending = next;
    next = null;
    if (pending == null) {
      return model.layer(index);
    }
    try {
      return pending.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof DeviceException) {
        ahead = false; // no room for two
        return model.layer(index);
      }
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  /// Drops what was read ahead.
  @Override
  public void close() {
    CompletableFuture<DecoderLayer> pending = next;
    next = null;
    if (pending != null) {
      pending.handle((layer, _) -> layer).thenAccept(LayersAhead::drop).join();
    }
    reader.shutdown();
  }

  private static void drop(@Nullable DecoderLayer layer) {
    if (layer != null) {
      layer.close();
    }
  }
}
