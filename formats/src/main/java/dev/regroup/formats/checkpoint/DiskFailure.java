package dev.regroup.formats.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Says in one line what the disk refused: where, and what. The platform's own message is often
/// nothing but the path.
public final class DiskFailure {
  private DiskFailure() {}

  /// The failure as an unchecked exception whose message is `path: reason`.
  public static UncheckedIOException at(Path path, IOException e) {
    return new UncheckedIOException(path + ": " + reason(e), e);
  }

  private static @Nullable String reason(IOException e) {
    return switch (e) {
      case FileAlreadyExistsException _ -> "exists already";
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case ClosedByInterruptException _ -> "interrupted";
      case FileSystemException system when system.getReason() != null ->
          withRemedy(system.getReason());
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : withRemedy(e.getMessage());
    };
  }

  private static String withRemedy(String reason) {
    return reason.equals("No space left on device")
        ? reason + " -> free some, or choose another disk"
        : reason;
  }
}
