package dev.regroup.converters.write;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/// Where files wait for the layers whose tensors they hold; a failure on either side lets everyone
/// go.
final class LayerGate {
  private final BitSet done = new BitSet();
  private @Nullable Throwable failure;

  /// Says that every tensor of a layer is written.
  synchronized void open(int layer) {
    done.set(layer);
    notifyAll();
  }

  /// Says that the run is over; the first reason counts.
  synchronized void fail(Throwable reason) {
    if (failure == null) {
      failure = reason;
    }
    notifyAll();
  }

  /// Waits until a layer is done.
  ///
  /// @throws Abandoned where the run is over
  synchronized void await(int layer) {
    while (!done.get(layer)) {
      requireGoingOn();
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        fail(e);
      }
    }
  }

  /// @throws Abandoned where the run is over
  synchronized void requireGoingOn() {
    if (failure != null) {
      throw new Abandoned();
    }
  }

  /// The first failure that was not just hearing of another.
  synchronized @Nullable Throwable failure() {
    return failure;
  }

  /// Thrown by work that is not needed any more, since other work failed.
  static final class Abandoned extends RuntimeException {
    private static final long serialVersionUID = 1;

    Abandoned() {
      super("another part of the conversion failed");
    }
  }
}
