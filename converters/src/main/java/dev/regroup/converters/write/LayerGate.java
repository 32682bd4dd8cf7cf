package dev.regroup.converters.write;

import java.util.BitSet;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// Where the threads of a conversion wait for each other: files for the layers whose tensors they
/// hold, hashes for bytes that are being copied. A failure of any lets everyone go.
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
  void await(int layer) {
    await(() -> done.get(layer));
  }

  /// Changes something that others wait for.
  synchronized void tell(Runnable change) {
    change.run();
    notifyAll();
  }

  /// Waits until something holds that is changed by {@link #tell} alone.
  ///
  /// @throws Abandoned where the run is over
  synchronized void await(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
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
