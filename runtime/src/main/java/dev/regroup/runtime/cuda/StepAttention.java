package dev.regroup.runtime.cuda;

import dev.regroup.formats.attention.CacheRow;

/// Attention in a decoding step: one new token of each sequence over its paged cache, layer by layer,
/// without the host. All work goes to one stream, and may be captured as a graph once it has run.
public interface StepAttention extends AutoCloseable {
  /// Makes one.
  @FunctionalInterface
  interface Maker {
    /// Attention on a device.
    ///
    /// @param context closed by the caller, after what is made
    /// @param stream takes all work
    StepAttention on(CudaContext context, CudaStream stream);
  }

  /// Caches of several sequences.
  ///
  /// @param rows pages of 64 rows, of the type of the queries
  /// @param table `[sequences, capacity]` int32, the pages of each in order
  /// @param positions `[sequences]` int32, where the new token of each stands
  /// @param lengths `[sequences]` int32, one more: tokens in use, the new one included
  record Caches(
      CudaBuffer rows, CudaBuffer table, int capacity, CudaBuffer positions, CudaBuffer lengths) {}

  /// What attends.
  ///
  /// @param window how many tokens, the last included, are seen; 0 for all
  record Heads(CacheRow row, int count, double scale, int window) {}

  /// What kernel of `step.cu` computes, whatever the layout.
  static StepAttention plain(CudaContext context, CudaStream stream) {
    return new CacheAttention(context, stream);
  }

  /// Whether {@link #plain} computes rows of this kind.
  static boolean plainTakes(CacheRow row) {
    return row.queryDim() <= 640 && row.value().width() <= 512;
  }

  /// Begins a step: lengths are not what they were.
  void begin();

  /// Starts it.
  ///
  /// @param queries `[sequences, heads · row.queryDim()]`, absorbed and rotated
  /// @param to `[sequences, heads · row.value().width()]`, of the same type
  void attend(Heads heads, Caches caches, DeviceBlock queries, DeviceBlock to);

  @Override
  void close();
}
