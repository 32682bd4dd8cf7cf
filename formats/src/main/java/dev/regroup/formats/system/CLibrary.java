package dev.regroup.formats.system;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.Optional;

/// The few functions of the C library that this package calls; each returns what the function
/// returned, or the negated `errno` where it failed.
final class CLibrary {
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final int THIS_DIRECTORY = -100; // AT_FDCWD
  private static final int EXCHANGE = 2; // RENAME_EXCHANGE

  private static final Optional<CLibrary> LINKED = link();

  private final MethodHandle open;
  private final MethodHandle close;
  private final MethodHandle seek;
  private final MethodHandle control;
  private final MethodHandle rename;

  private CLibrary(Linker linker) {
    var name = ValueLayout.ADDRESS;
    var i32 = ValueLayout.JAVA_INT;
    var i64 = ValueLayout.JAVA_LONG;
    open = variadic(linker, "open", 2, FunctionDescriptor.of(i32, name, i32));
    close = handle(linker, "close", FunctionDescriptor.of(i32, i32));
    seek = handle(linker, "lseek", FunctionDescriptor.of(i64, i32, i64, i32));
    control = variadic(linker, "ioctl", 2, FunctionDescriptor.of(i32, i32, i64, name));
    rename = handle(linker, "renameat2", FunctionDescriptor.of(i32, i32, name, i32, name, i32));
  }

  /// The library, where this is 64-bit Linux and the library has all of it.
  static Optional<CLibrary> linked() {
    return LINKED;
  }

  int open(Path file, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      MemorySegment name = arena.allocateFrom(file.toString());
      return (int) result((int) open.invokeExact(state, name, flags), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  int close(int descriptor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      return (int) result((int) close.invokeExact(state, descriptor), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  long seek(int descriptor, long offset, int whence) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      return result((long) seek.invokeExact(state, descriptor, offset, whence), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /// @param argument four or fewer 64-bit fields
  int control(int descriptor, long request, long... argument) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      MemorySegment fields = arena.allocateFrom(ValueLayout.JAVA_LONG, argument);
      return (int) result((int) control.invokeExact(state, descriptor, request, fields), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  int exchange(Path one, Path other) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      MemorySegment first = arena.allocateFrom(one.toString());
      MemorySegment second = arena.allocateFrom(other.toString());
      int returned =
          (int) rename.invokeExact(state, THIS_DIRECTORY, first, THIS_DIRECTORY, second, EXCHANGE);
      return (int) result(returned, state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  private static long result(long returned, MemorySegment state) {
    return returned == -1 ? -(int) ERRNO.get(state, 0L) : returned;
  }

  private static Optional<CLibrary> link() {
    boolean linux = System.getProperty("os.name", "").equals("Linux");
    if (!linux || ValueLayout.ADDRESS.byteSize() != Long.BYTES) {
      return Optional.empty();
    }
    try {
      return Optional.of(new CLibrary(Linker.nativeLinker()));
    } catch (IllegalArgumentException | UnsupportedOperationException _) {
      return Optional.empty(); // an old C library, or a platform without native calls
    }
  }

  private static MethodHandle handle(Linker linker, String name, FunctionDescriptor type) {
    return linker.downcallHandle(
        symbol(linker.defaultLookup(), name), type, Linker.Option.captureCallState("errno"));
  }

  private static MethodHandle variadic(
      Linker linker, String name, int fixed, FunctionDescriptor type) {
    return linker.downcallHandle(
        symbol(linker.defaultLookup(), name),
        type,
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(fixed));
  }

  private static MemorySegment symbol(SymbolLookup library, String name) {
    return library
        .find(name)
        .orElseThrow(() -> new UnsupportedOperationException("no " + name + " in the C library"));
  }

  private static IllegalStateException impossible(Throwable e) {
    return new IllegalStateException("a call into the C library failed", e);
  }
}
