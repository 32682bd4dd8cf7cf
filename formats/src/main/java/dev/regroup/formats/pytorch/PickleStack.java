package dev.regroup.formats.pytorch;

import java.util.ArrayList;
import java.util.List;

/// The stack of a pickle's program, with its marks.
///
/// Source: CPython's `pickle.py`, `_Unpickler`, whose `metastack` this is.
final class PickleStack {
  private static final int DEEPEST = 1 << 20;
  private static final int MOST_MARKS = 1 << 10;

  private final PickleBytes bytes;
  private final List<Value> values = new ArrayList<>();
  private final List<Integer> marks = new ArrayList<>();

  /// @param bytes where errors are, and whose memory is taken
  PickleStack(PickleBytes bytes) {
    this.bytes = bytes;
  }

  void push(Value value) {
    if (values.size() == DEEPEST) {
      throw bytes.wrong("expected at most %d values on the stack, found more".formatted(DEEPEST));
    }
    bytes.charge(Long.BYTES);
    values.add(value);
  }

  void mark() {
    if (marks.size() == MOST_MARKS) {
      throw bytes.wrong("expected at most %d marks on the stack, found more".formatted(MOST_MARKS));
    }
    marks.add(values.size());
  }

  Value pop() {
    requireValue();
    return values.removeLast();
  }

  Value peek() {
    requireValue();
    return values.getLast();
  }

  /// The values above the last mark, which are popped with it.
  List<Value> popToMark() {
    if (marks.isEmpty()) {
      throw bytes.wrong("expected a mark on the stack, found none");
    }
    List<Value> above = values.subList(marks.removeLast(), values.size());
    List<Value> popped = List.copyOf(above);
    bytes.charge(16 + (long) Long.BYTES * popped.size());
    above.clear();
    return popped;
  }

  private void requireValue() {
    int floor = marks.isEmpty() ? 0 : marks.getLast();
    if (values.size() <= floor) {
      throw bytes.wrong("expected a value on the stack, found none");
    }
  }
}
