package dev.regroup.runtime;

import java.util.List;
import java.util.function.IntConsumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/// Independent pieces of work on all cores.
public final class Parallel {
  private Parallel() {}

  /// Runs `work` for every index in `[0, count)`, in any order, and waits for all of them.
  ///
  /// Pieces must not depend on each other; sums over pieces are formed by the caller, in index
  /// order, so that no result depends on the number of cores.
  public static void forEach(int count, IntConsumer work) {
    IntStream.range(0, count).parallel().forEach(work);
  }

  /// What `work` makes of every index in `[0, count)`, in index order.
  public static <T> List<T> map(int count, IntFunction<T> work) {
    return IntStream.range(0, count).parallel().mapToObj(work).toList();
  }
}
