package dev.regroup.formats.safetensors;

import java.util.Map;
import java.util.TreeMap;

/// Ranges of a file that were written: neighbours are joined, and no byte is taken twice.
final class WrittenRanges {
  /// End by begin; neither empty nor touching.
  private final TreeMap<Long, Long> ranges = new TreeMap<>();

  /// Takes `[begin, end)`; false, and nothing taken, where part of it was taken before.
  synchronized boolean take(long begin, long end) {
    if (begin == end) {
      return true;
    }
    Map.Entry<Long, Long> before = ranges.lowerEntry(end);
    if (before != null && before.getValue() > begin) {
      return false;
    }
    long from = begin;
    if (before != null && before.getValue() == begin) {
      from = before.getKey();
    }
    Long after = ranges.remove(end);
    ranges.put(from, after == null ? end : after);
    return true;
  }

  /// Whether all of `[begin, end)` was taken.
  synchronized boolean covers(long begin, long end) {
    Map.Entry<Long, Long> range = ranges.floorEntry(begin);
    return begin == end || (range != null && range.getValue() >= end);
  }
}
