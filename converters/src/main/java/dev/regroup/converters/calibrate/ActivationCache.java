package dev.regroup.converters.calibrate;

import dev.regroup.formats.checkpoint.Scratch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// Equally long float32 arrays, by kind and window: on the heap as far as a budget goes, the rest in a
/// scratch file that is gone when this is closed. Where a killed process leaves it, it goes with its
/// scratch folder.
///
/// Different windows may be read and written at once.
final class ActivationCache implements AutoCloseable {
  private final int length;
  private final int kinds;
  private final float[][] resident;
  private final int residentWindows;
  private @Nullable FileChannel file;

  /// @param kinds of arrays that each window has
  /// @param length of every array, elements
  /// @param memory bytes on the heap at most
  /// @param scratch where the file lies
  /// @throws UncheckedIOException where there is no room for it
  ActivationCache(int windows, int kinds, int length, long memory, Scratch scratch) {
    this.kinds = kinds;
    this.length = length;
    long each = (long) kinds * length * Float.BYTES;
    residentWindows = (int) Math.min(windows, memory / each);
    resident = new float[kinds * residentWindows][];
    if (residentWindows < windows) {
      scratch.requireSpace((windows - residentWindows) * each);
      file = open(scratch.newFile());
    }
  }

  private static FileChannel open(Path path) {
    try {
      return FileChannel.open(
          path,
          StandardOpenOption.CREATE_NEW,
          StandardOpenOption.READ,
          StandardOpenOption.WRITE,
          StandardOpenOption.DELETE_ON_CLOSE);
    } catch (IOException e) {
      throw failed("create", e);
    }
  }

  /// The array of a window; not to be changed.
  float[] get(int kind, int window) {
    if (window < residentWindows) {
      return resident[window * kinds + kind];
    }
    ByteBuffer bytes = buffer();
    try {
      while (bytes.hasRemaining()) {
        if (spilled().read(bytes, position(kind, window) + bytes.position()) < 0) {
          throw new IllegalArgumentException("window " + window + " was never written");
        }
      }
    } catch (IOException e) {
      throw failed("read", e);
    }
    float[] values = new float[length];
    bytes.flip().asFloatBuffer().get(values);
    return values;
  }

  void set(int kind, int window, float[] values) {
    if (values.length != length) {
      throw new IllegalArgumentException(
          "expected %d elements, found %d".formatted(length, values.length));
    }
    if (window < residentWindows) {
      resident[window * kinds + kind] = values;
      return;
    }
    ByteBuffer bytes = buffer();
    bytes.asFloatBuffer().put(values);
    try {
      while (bytes.hasRemaining()) {
        spilled().write(bytes, position(kind, window) + bytes.position());
      }
    } catch (IOException e) {
      throw failed("write", e);
    }
  }

  private ByteBuffer buffer() {
    return ByteBuffer.allocate(length * Float.BYTES).order(ByteOrder.nativeOrder());
  }

  private long position(int kind, int window) {
    return ((long) (window - residentWindows) * kinds + kind) * length * Float.BYTES;
  }

  private FileChannel spilled() {
    if (file == null) {
      throw new IllegalArgumentException("all windows are on the heap");
    }
    return file;
  }

  private static UncheckedIOException failed(String verb, IOException e) {
    return new UncheckedIOException(
        "activation cache: could not %s its scratch file: %s -> free space there, choose another"
                .formatted(verb, e.getMessage())
            + " folder with --scratch, or give more with --memory",
        e);
  }

  /// Bytes that lie in the file.
  long spilledBytes() {
    try {
      return file == null ? 0 : file.size();
    } catch (IOException e) {
      throw failed("read", e);
    }
  }

  @Override
  public void close() {
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        throw failed("close", e);
      }
    }
  }
}
