package dev.regroup.converters.fit;

import java.util.SplittableRandom;

/// Windows in random order, all of them before any comes again.
final class WindowOrder {
  private final int[] windows;
  private final SplittableRandom random;
  private int next;

  WindowOrder(int[] windows, long seed) {
    this.windows = windows.clone();
    random = new SplittableRandom(seed);
    next = windows.length;
  }

  /// The next windows; fewer where there are not as many.
  int[] next(int count) {
    int[] batch = new int[Math.min(count, windows.length)];
    for (int i = 0; i < batch.length; i++) {
      if (next == windows.length) {
        shuffle();
        next = 0;
      }
      batch[i] = windows[next++];
    }
    return batch;
  }

  private void shuffle() {
    for (int i = windows.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int window = windows[i];
      windows[i] = windows[j];
      windows[j] = window;
    }
  }
}
