package dev.regroup.converters.write;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/// What is said where an output cannot be written as asked: one line, as an I/O failure.
final class Refusal {
  private Refusal() {}

  static UncheckedIOException of(Path where, String what) {
    String message = where + ": " + what;
    return new UncheckedIOException(message, new IOException(message));
  }
}
