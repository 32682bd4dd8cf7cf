package dev.regroup.formats.attention;

/// Elements `[start, start + width)` of a state.
public record Slice(int start, int width) {
  /// One past the last element.
  public int end() {
    return start + width;
  }
}
