package dev.regroup.cli;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.runtime.DeviceException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// How an exception ends a command: one line, and an exit code.
///
/// @param line where: what: expected, found -> what to do
record Failure(String line, int exitCode) {
  /// What to say of an exception and what to tell the shell.
  static Failure of(Throwable exception) {
    return switch (exception) {
      case CheckpointException e -> failure(e, ExitCode.BAD_CHECKPOINT);
      case UnsupportedModelException e -> failure(e, ExitCode.UNSUPPORTED);
      case DeviceException e -> failure(e, ExitCode.NO_DEVICE);
      case IllegalArgumentException e -> failure(e, ExitCode.USAGE);
      case UncheckedIOException e -> new Failure(oneLine(said(e)), ExitCode.IO);
      case IOException e -> new Failure(oneLine(describe(e)), ExitCode.IO);
      case OutOfMemoryError e ->
          new Failure(
              "memory: expected at most %s of heap, found that it is not enough (%s)"
                      .formatted(heap(), oneLine(e.getMessage()))
                  + " -> give it more, as in REGROUP_JAVA_OPTS=-Xmx8g",
              ExitCode.INTERNAL);
      case Throwable e ->
          new Failure(
              "internal error: %s -> run again with --stacktrace and report it"
                  .formatted(oneLine(e.toString())),
              ExitCode.INTERNAL);
    };
  }

  private static Failure failure(Throwable exception, int exitCode) {
    return new Failure(oneLine(exception.getMessage()), exitCode);
  }

  /// What whoever wrapped the exception said, or the exception itself where that is nothing more.
  private static @Nullable String said(UncheckedIOException exception) {
    IOException cause = Objects.requireNonNull(exception.getCause());
    boolean nothingMore = Objects.equals(exception.getMessage(), cause.toString());
    return nothingMore ? describe(cause) : exception.getMessage();
  }

  private static String describe(IOException exception) {
    return switch (exception) {
      case NoSuchFileException e -> e.getFile() + ": no such file or directory";
      case FileAlreadyExistsException e -> e.getFile() + ": exists already";
      case DirectoryNotEmptyException e -> e.getFile() + ": directory is not empty";
      case NotDirectoryException e -> e.getFile() + ": not a directory";
      case AccessDeniedException e ->
          e.getFile() + ": permission denied -> check its owner and mode";
      case FileSystemException e when isFull(e.getReason()) -> e.getFile() + full();
      case FileSystemException e -> e.getFile() + ": " + e.getReason();
      case IOException e when isFull(e.getMessage()) -> "write" + full();
      case IOException e -> "input or output: " + e.getMessage();
    };
  }

  private static String full() {
    return ": no space left on the device -> free some, or choose another disk";
  }

  private static boolean isFull(@Nullable String reason) {
    return reason != null && reason.contains("No space left");
  }

  private static String heap() {
    return "%.1f GiB".formatted(Runtime.getRuntime().maxMemory() / 0x1p30);
  }

  /// A message on one line: file contents may be quoted in it, and must not move the cursor.
  static String oneLine(@Nullable String message) {
    if (message == null || message.isBlank()) {
      return "no message";
    }
    var line = new StringBuilder();
    message
        .strip()
        .codePoints()
        .forEach(
            c -> {
              if (c == '\n') {
                line.append(' ');
              } else if (Character.isISOControl(c) || Character.getType(c) == Character.FORMAT) {
                line.append(String.format(Locale.ROOT, "\\u%04x", c));
              } else {
                line.appendCodePoint(c);
              }
            });
    return line.toString();
  }
}
