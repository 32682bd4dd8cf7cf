package dev.regroup.verify.measure;

import java.util.List;

/// Averages of token scores over all windows, or over some of their positions.
public final class Averages {
  private Averages() {}

  /// One number of a position of a window.
  @FunctionalInterface
  public interface Value {
    /// The number.
    double at(WindowScores window, int position);
  }

  /// Whether a position counts.
  @FunctionalInterface
  public interface Filter {
    /// Every position.
    Filter ALL = (window, position) -> true;

    /// Whether it counts.
    boolean accepts(WindowScores window, int position);
  }

  /// The mean of a value over the positions that count, windows as clusters, summed in order.
  public static ClusteredMean mean(List<WindowScores> windows, Value value, Filter filter) {
    double[] sums = new double[windows.size()];
    long[] counts = new long[windows.size()];
    for (int i = 0; i < sums.length; i++) {
      WindowScores window = windows.get(i);
      for (int t = 0; t < window.positions(); t++) {
        if (filter.accepts(window, t)) {
          sums[i] += value.at(window, t);
          counts[i]++;
        }
      }
    }
    return ClusteredMean.of(sums, counts);
  }

  /// Every value of every window, in order.
  public static double[] all(List<WindowScores> windows, Value value) {
    double[] all = new double[windows.stream().mapToInt(WindowScores::positions).sum()];
    int next = 0;
    for (WindowScores window : windows) {
      for (int t = 0; t < window.positions(); t++) {
        all[next++] = value.at(window, t);
      }
    }
    return all;
  }
}
