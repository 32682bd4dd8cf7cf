package dev.regroup.runtime.linalg;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/// One LAPACK routine: Fortran passes everything by address, and the lengths of character arguments
/// by value behind all others.
final class Lapack {
  private final String name;
  private final int letters;
  private final MethodHandle handle;

  /// @param letters arguments that are characters; they come first
  /// @param addresses all other arguments, the result code `info` included
  Lapack(String name, int letters, int addresses) {
    this.name = name;
    this.letters = letters;
    List<MemoryLayout> prototype = new ArrayList<>();
    for (int i = 0; i < letters + addresses; i++) {
      prototype.add(ADDRESS);
    }
    for (int i = 0; i < letters; i++) {
      prototype.add(JAVA_LONG);
    }
    handle =
        OpenBlas.routine(name, FunctionDescriptor.ofVoid(prototype.toArray(MemoryLayout[]::new)));
  }

  /// Calls the routine.
  ///
  /// @param options its character arguments
  /// @param arguments all others but `info`
  /// @return `info`: 0, or what went wrong that the numbers are to blame for (positive)
  int call(Arena arena, String options, MemorySegment... arguments) {
    List<Object> all = new ArrayList<>();
    for (int i = 0; i < letters; i++) {
      all.add(arena.allocateFrom(JAVA_BYTE, (byte) options.charAt(i)));
    }
    all.addAll(List.of(arguments));
    MemorySegment info = arena.allocate(JAVA_INT);
    all.add(info);
    for (int i = 0; i < letters; i++) {
      all.add(1L);
    }
    try {
      handle.invokeWithArguments(all);
    } catch (Throwable thrown) {
      throw OpenBlas.unexpected(thrown);
    }
    int code = info.get(JAVA_INT, 0);
    if (code < 0) {
      throw new AssertionError("%s: argument %d has an illegal value".formatted(name, -code));
    }
    return code;
  }

  static MemorySegment integer(Arena arena, int value) {
    return arena.allocateFrom(JAVA_INT, value);
  }

  static MemorySegment doubles(Arena arena, double[] values) {
    return arena.allocateFrom(JAVA_DOUBLE, values);
  }

  static MemorySegment doubles(Arena arena, long count) {
    return arena.allocate(JAVA_DOUBLE, Math.max(1, count));
  }

  static MemorySegment integers(Arena arena, long count) {
    return arena.allocate(JAVA_INT, Math.max(1, count));
  }
}
