package dev.regroup.formats;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/// What a reader may cost whatever its input says: time, and memory beyond the input's own size.
public final class Bounds {
  private static final long MOST_BYTES = 64L << 20;
  private static final long MOST_NANOS = 5_000_000_000L;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private Bounds() {}

  /// Runs a reader and holds it to 64 MiB and the input's size, and to five seconds of the
  /// processor, which do not depend on what else the machine does. What it
  /// allocates is counted, garbage too, which is more than it ever holds. A reader that takes too
  /// much runs again, since the first of all runs loads classes.
  ///
  /// @param inputBytes of the file that is read
  public static void hold(long inputBytes, Runnable reader) {
    Cost cost = Cost.of(reader);
    if (!cost.isWithin(inputBytes)) {
      cost = Cost.of(reader);
    }
    assertThat(cost).matches(again -> again.isWithin(inputBytes), "within bounds");
  }

  private record Cost(long nanos, long bytes) {
    static Cost of(Runnable reader) {
      long allocated = THREADS.getCurrentThreadAllocatedBytes();
      long begin = THREADS.getCurrentThreadCpuTime();
      reader.run();
      return new Cost(
          THREADS.getCurrentThreadCpuTime() - begin,
          THREADS.getCurrentThreadAllocatedBytes() - allocated);
    }

    boolean isWithin(long inputBytes) {
      return nanos < MOST_NANOS && bytes < MOST_BYTES + inputBytes;
    }
  }
}
