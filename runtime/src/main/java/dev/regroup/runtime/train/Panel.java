package dev.regroup.runtime.train;

/// Row-major matrices in memory, one for each member of a batch of two levels. That of member (o, i)
/// begins at element `offset + o · outer + (i / share) · inner`.
///
/// @param stride elements from one row to the next
/// @param share neighbours on the inner level that have a matrix in common; 1 where each has its own
public record Panel(Memory memory, long offset, int stride, long outer, long inner, int share) {
  /// A single matrix that begins with the memory.
  public static Panel of(Memory memory, int stride) {
    return new Panel(memory, 0, stride, 0, 0, 1);
  }

  /// Matrices `inner` elements apart, of a batch of one level.
  public static Panel each(Memory memory, int stride, long inner) {
    return new Panel(memory, 0, stride, 0, inner, 1);
  }

  /// The same matrices from a later column on.
  public Panel from(int column) {
    return new Panel(memory, offset + column, stride, outer, inner, share);
  }

  /// Where a member's matrix begins.
  public long at(int outerIndex, int innerIndex) {
    return offset + outerIndex * outer + innerIndex / share * inner;
  }
}
